"""Text that means harm, as a model or a dataset may write it: 60 strings against pages, terminals and file names."""

from __future__ import annotations

from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Message, Prediction, Record, Request, Sample, SamplingParams, Score

HIT = "window.hit=1;alert(1)"
HOSTILE = [
    # script tags, and ends of what the page puts text into
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f"</style><script>{HIT}</script>",
    f"</title><script>{HIT}</script>",
    f"</textarea></pre></td></details><script>{HIT}</script>",
    f"<scr<script>ipt>{HIT}</scr</script>ipt>",
    f"<SCRIPT SRC=data:text/javascript,{HIT}></SCRIPT>",
    f"<script\x00>{HIT}</script\x00>",
    f"<script/x>{HIT}</script>",
    f"-->{HIT}<!--<script>{HIT}</script>",
    f"<!-- comment --> ]]> <![CDATA[<script>{HIT}</script>]]>",
    "<noscript><p title='</noscript><img src=x onerror=window.hit=1>'>",
    # event handlers
    f"<img src=x onerror={HIT}>",
    f"<img src=x onerror='{HIT}'",
    f'"><svg onload={HIT}>',
    f"' onmouseover='{HIT}' x='",
    f'" autofocus onfocus="{HIT}" x="',
    f"` onclick=`{HIT}",
    f"<details open ontoggle={HIT}><summary>x</summary></details>",
    f"<body onload={HIT}>",
    f"<video><source onerror={HIT}></video>",
    f"<marquee onstart={HIT}>x</marquee>",
    f"<input autofocus onfocus={HIT}>",
    f"<style>@keyframes x{{}}</style><b style='animation-name:x' onanimationstart='{HIT}'>",
    # addresses
    f"<a href=javascript:{HIT}>x</a>",
    f"<a href='java\tscript:{HIT}'>x</a>",
    f"[click](javascript:{HIT})",
    "![x](http://evil.example/a.png)",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    f"<iframe src=javascript:{HIT}></iframe>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<object data=http://evil.example/x></object><embed src=//evil.example/x>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href=http://evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    f"<form action=javascript:{HIT}><button>x</button></form>",
    "<style>@import url(http://evil.example/x.css); * { display: none }</style>",
    # templates, SVG, mathematics
    "{{ 7 * 7 }} {% raw %} {{ config }} ${7*7} #{7*7} <%= 7 %>",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    f"<svg><script>{HIT}</script></svg>",
    f"<svg><animate onbegin={HIT} attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
    f"<math><mtext></p><img src=x onerror={HIT}></math>",
    f"<table><td><svg><desc><img src=x onerror={HIT}>",
    "$\\frac{1}{2}$ $ \\input{/etc/passwd} $_^{}$",
    # what steers a terminal, a table or an eye
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \x1b[2J\x1b[H",
    "\x1b]0;title\x07 \x1bP+q544e\x1b\\ \x9b31m \x1b[6n",
    "null \x00 and bell \x07 and back \x08\x08\x08 and \x7f",
    "over\rwritten \x0b vertical \x0c feed",
    "right \u202eto left\u2066 and \u200fmarks\u200e\u061c",
    "zero\u200bwidth\ufeff\u2060 and tags \U000e0041\U000e0042",
    "combining " + "Z\u0351\u0343\u030f" * 40,
    "lone \ud800 surrogate \udfff",
    "[bold]rich[/bold] [link=http://evil.example]markup[/link] [/nonsense]",
    "| a | b |\n|---|---|\n# heading\n***\n~~~",
    "\n" * 200 + "far below",
    "&lt;b&gt; &amp; &#60;script&#62; &nbsp",
    "../../../etc/passwd\x00.html",
    "CON: aux?*<>|\" '; DROP TABLE records; --",
    "x" * 1_000_000,
    "word " * 20_000 + "🙂" * 2_000,
]
assert len(HOSTILE) == len(set(HOSTILE)) == 60


def hostile_run() -> RunData:
    """A run whose every name and text is hostile: 60 samples, 3 strategies."""
    samples, records, calls = {}, [], {}
    for strategy in ("zero-shot", HOSTILE[0], HOSTILE[49]):
        for i, text in enumerate(HOSTILE):
            name = f"{i}{text[:40]}"
            samples[HOSTILE[1], name] = Sample(name, text, text[:9999], choices=(text[:50], "b"))
            key = f"{strategy}/{i}"
            calls[key] = (
                Request((Message("system", text), Message("user", text)), SamplingParams()),
                Generation(f"{text} end", "stop", 5, 0, 5),
            )
            prediction = Prediction(text[:99], "ok", text[:99], (0, 5), detail={text[:20]: text[:99]})
            records.append(Record(HOSTILE[1], strategy, name, 0, prediction, Score(i % 2, True), (key,), 5, 0, 5, 0.1))
    return RunData(HOSTILE[12], {HOSTILE[14]: HOSTILE[15]}, records, samples, calls.__getitem__)
