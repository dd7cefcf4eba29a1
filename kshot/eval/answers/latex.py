r"""LaTeX as the rules read it: words out of \text{}, plain signs for commands, thin blanks for the ones between digits.

`\boxed{...}`, `\frac{...}{...}` and powers stay: they are read where answers and numbers are.
"""

from __future__ import annotations

import re

from kshot.eval.answers.legible import Edit, Legible

WRAPPER = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|sc|normal)?|math(?:rm|bf|it|sf|tt|bb|cal|normal)|operatorname\*?|mbox|hbox|emph|underline"
    r"|boldsymbol|bm|displaystyle|ensuremath)\s?\{([^{}\\]{0,500})\}"
)
SIGN = re.compile(r"\\(?:[dtc]frac|nicefrac|sfrac|[a-zA-Z]{2,12}(?![a-zA-Z])|[,;:! %$&#_{}()\[\]])|\{,\}|\\\\")
TWICE = re.compile(r"\\\\(?=[a-zA-Z]{2,12}\s?[{0-9\\])")  # escaped once more, as in JSON
SPACED_MINUS = re.compile(r"-\s{1,3}(?=\\[dt]?frac)|(?<=\{)-\s{1,3}(?=[0-9.])")
THIN = "\u2009"
SIGNS = {
    **dict.fromkeys((r"\dfrac", r"\tfrac", r"\cfrac", r"\nicefrac", r"\sfrac"), r"\frac"),
    **dict.fromkeys((r"\,", r"\;", r"\:"), THIN),
    **dict.fromkeys((r"\left", r"\right", r"\bigl", r"\bigr", r"\displaystyle", r"\big", r"\Big", r"\rm", r"\bf"), ""),
    **dict.fromkeys((r"\(", r"\)", r"\[", r"\]", r"\ ", r"\quad", r"\qquad", r"\\"), " "),
    **dict.fromkeys((r"\times", r"\cdot"), "\u00d7"),
    **dict.fromkeys((r"\le", r"\leq"), "\u2264"),
    **dict.fromkeys((r"\ge", r"\geq"), "\u2265"),
    **{r"\!": "", "{,}": ",", r"\%": "%", r"\$": "$", r"\&": "&", r"\#": "#", r"\_": "_", r"\{": "{", r"\}": "}"},
    **{r"\div": "\u00f7", r"\pm": "\u00b1", r"\approx": "\u2248", r"\sim": "~", r"\ldots": "...", r"\dots": "..."},
    **{r"\pounds": "\u00a3", r"\euro": "\u20ac", r"\yen": "\u00a5", r"\infty": "\u221e", r"\degree": "\u00b0"},
    **{r"\to": "->", r"\rightarrow": "->", r"\lt": "<", r"\gt": ">", r"\neq": "\u2260", r"\ne": "\u2260"},
}
NESTED = 4  # wrappers in wrappers that are undone


def without_latex(seen: Legible) -> Legible:
    """A text with its LaTeX made plain, where there is any."""
    if "\\" not in seen.text and "{,}" not in seen.text:
        return seen
    seen = seen.edited([(found.start(), found.end(), "\\") for found in TWICE.finditer(seen.text)])
    for _ in range(NESTED):
        edits: list[Edit] = []
        for found in WRAPPER.finditer(seen.text):
            edits += [(found.start(), found.start(1), ""), (found.end(1), found.end(), "")]
        if not edits:
            break
        seen = seen.edited(edits)
    seen = seen.edited([(*found.span(), "-") for found in SPACED_MINUS.finditer(seen.text)])
    signs = [(*found.span(), SIGNS[found[0]]) for found in SIGN.finditer(seen.text) if found[0] in SIGNS]
    return seen.edited(signs)
