"""Words that are not what they should be, and files of code that fail: what mistaken command lines are drawn from."""

# fmt: off

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
TASK = "from kshot.types import *\nfrom kshot.eval.answers import *\n"
RETURN = "from kshot.types import *\ndef x(question=None):\n    yield [Request('a')]\n    return "
ONE = "x = Task('t', lambda *a: [Sample('1', 'q', '4')], "
TEXTS = (
    'x:reply="\\ud800"',
    "", " ", "-", "--", "=", ":", ",", "(", ")", "((", "a:b:c", "a(b", "a)b", "a(b))", '"', '"a', "a=b", "ü", "数",
    "\ud83d",
    "[/red]", "[bold]x", ESCAPES, "%s", "{}", "{0}", "$HOME", "~", "~nobody/x", "../..", "/", ".", "..", "\n",
    "a\nb", "x" * 5000,
    "-1", "0", "1", "nan", "inf", "1e309", "9" * 400, "1.5", "true", "none", "None", "0x10", "１", "\ufeff",
    "a\u0000b",
)
NUMBERS = (
    "-1", "0", "1e309", "nan", "inf", "9" * 30, "9" * 5000, "", "x", "1.5", "０", "[/red]", ESCAPES, "1 ", "--", "ü",
)
VALUES = (
    "-1", "0", "1", "nan", "inf", "1e309", "-1e308", "9" * 20, "", "x", "ü", "[/red]", "(", "1+2", "true", "0.5",
    "-0.0",
)
IN_ROWS = (
    None, 5, -1, 1e300, "", "x", "[]", "{}", "null", '"x"', "NaN", "[1]", b"\xff", ESCAPES, "[" * 5000, '{"a": 1}',
    2**63 - 1,
    "9" * 5000,
)
ADDRESSED = (
    "", "-1", "0", "1", "9" * 30, str(2**63), "x", "%00", "%ff", "[/red]", "<script>", "%1b[2J", "q1", "zero-shot",
    "９",
)
ASKED = ("from", "at", "task", "strategy", "outcome", "text", "other", "versus", "a", "b", "nosuch")
PAGES = (
    "", "run/0/", "run/0/", "run/0/state", "compare", "run/1/", "run/-1/", "run/x/", "run/%00/", "nosuch",
    "run/9999999999999999999/",
)
TUNE_MISTAKES = {
    "--lr": ("nan", "-1", "1e309", "inf", "1e30"), "--epochs": ("0", "-1"), "--batch-size": ("0", "-1"),
    "--accumulate": ("0", "-1"), "--samples": ("0", "-1", "9" * 12), "--seeds": ("0", "-1", "9999999999"),
    "--limit": ("0", "-1"), "--evaluations": ("-1",), "--patience": ("-1", "3"), "--max-length": ("0", "-1", "1"),
    "--checkpoint-seconds": ("nan", "-1", "inf"),
    "--compare": ("nosuch", ",", "zero-shot:k=1", "zero-shot,zero-shot", "few-shot:k=", "(", ESCAPES),
    "--strategy": ("nosuch", "self-consistency", "choice-logprob", "few-shot:k=-1", "zero-shot:k", "a(b"),
    "--device": ("cuda:99", "tpu", "", ESCAPES), "--dtype": ("float99", "", "int8"), "--template": ("nosuch", ""),
    "--batch": ("0", "-1", "x", "1e9"),
    "--model": ("nosuch", "", "a/b", "/", "table.csv", "run", "~nobody/x", "nosuch.gguf", ESCAPES, "rows.jsonl"),
    "--baseline": ("nosuch", ESCAPES, "[/red]"), "--data": ("nosuch", "rows.jsonl", "rows.jsonl/x"),
    "--method": (
        "nosuch", "lora:r=-1", "lora:r=0", "lora:r=1000000000", "lora:r=x", "lora:lora_dropout=-1",
        "lora:lora_dropout=2",
        "lora:target_modules=nosuch", "lora:r", "lora:r=1,r=2", "lora:lora_alpha=nan", "lora:q=1", "lora(r=2", ESCAPES,
        "peft:NOSUCH", "peft:name=NOSUCH", "peft:", "peft", "peft:name=", "peft:name=LORA,r=-1", "peft:name=LORA,q=1",
        "prompt-tuning:num_virtual_tokens=0", "prompt-tuning:num_virtual_tokens=-1", "adalora:init_r=0",
        "prompt-tuning:num_virtual_tokens=99999", "adalora:target_r=-3", "prefix-tuning:num_virtual_tokens=0",
        "bottleneck:size=0", "peft:name=LORA,megatron_config=x", "peft:name=CPT", "file.py:nosuch",
    ),
}
CODE = {
    "raises at import": "1 / 0\ndef x(): pass\n",
    "exits at import": "import sys\nsys.exit(0)\n",
    "exits hard words": "raise SystemExit('bye')\n",
    "interrupts itself": "raise GeneratorExit\n",
    "syntax": "def x(:\n",
    "null byte": "x = 1\0\n",
    "latin": "x = '\xe9'\n",
    "empty": "",
    "another name": "def y(question):\n    yield []\n",
    "a number": "x = 5\n",
    "a class": "class x: pass\n",
    "keywords": "def x(*args, **more): return None\n",
    "no default": "def x(question, *, k): yield []\n",
    "odd default": "def x(question, *, k=[1], f=print): yield []\n",
    "returns none": "def x(question=None): return None\n",
    "raises": "def x(question=None):\n    raise ValueError('no \x1b[2J')\n",
    "exits": "import sys\ndef x(question=None):\n    sys.exit(0)\n    yield []\n",
    "yields a number": "def x(question=None):\n    yield 5\n",
    "yields text": "def x(question=None):\n    yield 'abc'\n",
    "yields numbers": "def x(question=None):\n    yield [1, 2]\n",
    "never returns an answer": "def x(question=None):\n    yield []\n",
    "returns text": "def x(question=None):\n    yield []\n    return 'four'\n",
    "an answer of digits": RETURN + "Prediction(4, 'ok')\n",
    "another status": RETURN + "Prediction('a', 'fine')\n",
    "a detail that is kept nowhere": RETURN + "Prediction('a', 'ok', detail={'a': {1, 2}})\n",
    "asks bad": "from kshot.types import Request\ndef x(question=None):\n    yield [Request(5)]\n",
    "stops itself": "def x(question=None):\n    raise StopIteration\n    yield []\n",
    "recursion": "def x(question=None):\n    return x(question)\n",
    "an error without words":
        "class E(Exception):\n    def __str__(self): raise ValueError\ndef x(question=None):\n    raise E\n",
    "load raises": TASK + "def load(split, source): raise KeyError('a')\nx = Task('t', load, NUMBER, numeric)\n",
    "load of rubbish": TASK + "x = Task('t', lambda *a: [1], NUMBER, numeric)\n",
    "load none": TASK + "x = Task('t', lambda *a: None, NUMBER, numeric)\n",
    "score raises": TASK + "def s(a, b): raise KeyError('a')\n" + ONE + "NUMBER, s)\n",
    "score of text": TASK + ONE + "NUMBER, lambda *a: 'x')\n",
    "score nan": TASK + ONE + "NUMBER, lambda *a: Score(float('nan'), True))\n",
    "score of seven": TASK + ONE + "NUMBER, lambda *a: Score(7.0, True))\n",
    "twice the id": TASK + "x = Task('t', lambda *a: [Sample('1', 'q', '4')] * 2, NUMBER, numeric)\n",
    "odd sample": TASK + "x = Task('t', lambda *a: [Sample(1, None, 4)], NUMBER, numeric)\n",
    "task of rubbish": "from kshot.types import *\nx = Task(None, None, None, None)\n",
    "no such package": "import nosuchpackage\n",
    "prints": "print('said')\ndef x(): pass\n",
}
