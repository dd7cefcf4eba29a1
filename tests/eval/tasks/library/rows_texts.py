"""Rows made by hand: short answers, mathematics and texts."""

from __future__ import annotations

from tests.eval.tasks.library.copy_of import CONVERTED, DATA, Copy

SOLVED = r"Adding gives $\frac{1}{4} + \frac{1}{4} = \boxed{\frac{1}{2}}$."
BARE = r"The value is $|-3| = \boxed 3$."
SETS = r"So $x$ lies in $\boxed{\{x : |x| < 2\}}$."
READING = (
    Copy(
        "squad",
        "rajpurkar/squad",
        "validation",
        [
            {
                "id": f"made{n}",
                "title": "Tin_cup",
                "context": "The tin cup was made in 1901 by Ada Bell.",
                "question": question,
                "answers": {"text": texts, "answer_start": [0] * len(texts)},
            }
            for n, (question, texts) in enumerate(
                [("When was it made?", ["1901", "in 1901"]), ("Who made it?", ["Ada Bell", "the Bell", "Ada Bell"])]
            )
        ],
        "train",
        [
            {
                "id": "made9",
                "title": "Tin_cup",
                "context": "A cup holds tea.",
                "question": "What does it hold?",
                "answers": {"text": ["tea"], "answer_start": [12]},
            }
        ],
        config="plain_text",
        published="zero-shot:template=0",
    ),
    Copy(
        "triviaqa",
        "mandarjoshi/trivia_qa",
        "validation",
        [
            {
                "question": "Which sea did the made-up ship sail?",
                "question_id": "tc_1",
                "answer": {"aliases": ["The Red Sea", "Red Sea", "Sea | Red"], "value": "Red Sea"},
            },
            {
                "question": "Who sailed it?",
                "question_id": "tc_2",
                "answer": {"aliases": ["Ada Bell (captain)", "The answer is Ada", "A. Bell"], "value": "Ada Bell"},
            },
        ],
        "train",
        [{"question": "What is a mast?", "question_id": "tc_9", "answer": {"aliases": ["A pole"], "value": "Pole"}}],
        config="rc.nocontext",
        harness="triviaqa",
        published="zero-shot:template=0",
    ),
    Copy(
        "nq-open",
        "google-research-datasets/nq_open",
        "validation",
        [
            {"question": "when was the tin cup made", "answer": ["1901", "May 1901"]},
            {"question": "by whom", "answer": ["Bell"]},
        ],
        "train",
        [{"question": "what does it hold", "answer": ["tea"]}],
        config="nq_open",
        harness="nq_open",
        published="zero-shot:template=0",
    ),
    Copy(
        "web-questions",
        "stanfordnlp/web_questions",
        "test",
        [{"url": "made", "question": "where is the cup?", "answers": ["In Rome", "Italy"]}],
        "train",
        [{"url": "made", "question": "who drinks?", "answers": ["Ada"]}],
        layout=DATA,
        published="zero-shot:template=0",
    ),
)
MATHEMATICS = (
    Copy(
        "math:subject=algebra",
        "EleutherAI/hendrycks_math",
        "test",
        [
            {"problem": f"Find the value, case {n}.", "level": "Level 1", "type": "Algebra", "solution": solution}
            for n, solution in enumerate([SOLVED, BARE, SETS])
        ],
        "train",
        [{"problem": "Add 2 and 2.", "level": "Level 1", "type": "Algebra", "solution": r"It is $\boxed{4}$."}],
        config="algebra",
        harness="hendrycks_math_algebra",
        published="zero-shot:template=0",
        folder="math/algebra",
    ),
    Copy(
        "math500",
        "HuggingFaceH4/MATH-500",
        "test",
        [
            {
                "problem": f"Halve {n}.",
                "solution": rf"It is $\boxed{{\frac{{{n}}}{{2}}}}$.",
                "answer": rf"\frac{{{n}}}{{2}}",
                "subject": "Algebra",
                "level": 1,
                "unique_id": f"test/made/{n}.json",
            }
            for n in range(1, 13)
        ],
        layout="{split}.jsonl",
        card=False,
        published="zero-shot:template=0",
    ),
    Copy(
        "mgsm:language=zh",
        "juletxara/mgsm",
        "test",
        [
            {
                "question": f"小明有{n}个苹果，又买了1个。一共有几个？",
                "answer": None,
                "answer_number": n + 1,
                "equation_solution": None,
            }
            for n in (2, 1233)
        ],
        "train",
        [
            {
                "question": "问题：小红有5支笔，丢了2支。还剩几支？",
                "answer": "逐步解答：小红一开始有5支笔。丢了2支，5 - 2 = 3。答案是 3。",
                "answer_number": 3,
                "equation_solution": "5 - 2 = 3.",
            }
        ],
        config="zh",
        harness="mgsm_direct_zh",
        published="zero-shot:template=0",
        folder="mgsm/zh",
    ),
    Copy(
        "mgsm",
        "juletxara/mgsm",
        "test",
        [
            {
                "question": "Al has 2 pens and buys 1.  How many?",
                "answer": None,
                "answer_number": 3,
                "equation_solution": None,
            }
        ],
        "train",
        [
            {
                "question": "Question: Bo has 5 cups and drops 2. How many are left?",
                "answer": "Step-by-Step Answer: Bo has 5 cups. The answer is not yet it. 5 - 2 = 3. The answer is 3.",
                "answer_number": 3,
                "equation_solution": "5 - 2 = 3.",
            }
        ],
        config="en",
        harness="mgsm_direct_en",
        published="zero-shot:template=0",
        folder="mgsm/en",
    ),
)
PAGE = (
    " \n = Tin cup = \n \n A tin cup is a cup , made of tin @-@ plate ; it holds 1 @,@ 000 drops . \n"
    ' Ada \'s cup is " the cup " ( of tin ) . \n \n = = Uses = = \n \n It holds tea . \n '
)
LANGUAGE_MODELLING = (
    Copy(
        "lambada",
        "EleutherAI/lambada_openai",
        "test",
        [
            {"text": f"Ada filled {n} cups with tea and Bea asked for a cup as well, so Ada gave her a {word}"}
            for n, word in enumerate(["cup", "cup,", "sip"], 2)
        ],
        config="default",
        layout="data/{split}.jsonl",
        harness="lambada_openai",
        published="log-likelihood:greedy=yes",
    ),
    Copy(
        "wikitext",
        "EleutherAI/wikitext_document_level",
        "test",
        [{"page": PAGE}],
        config="wikitext-2-raw-v1",
        published="log-likelihood",
        others={"train": [{"page": PAGE}], "validation": [{"page": PAGE}]},
    ),
)
STORY = (
    "Ada Bell opened a shop for tin cups in Leeds on Monday. It sells cups of any size. Bea was the first to buy one."
)
TEXTS = (
    Copy(
        "xsum",
        "EdinburghNLP/xsum",
        "test",
        [
            {"document": f"{STORY} She paid {n} pounds.", "summary": f"A shop sells cups for {n} pounds.", "id": str(n)}
            for n in (1, 2)
        ],
        "validation",
        [{"document": "A cat sat on a mat.", "summary": "Cat sits | down.", "id": "9"}],
        layout=CONVERTED,
        revision="refs/convert/parquet",
        card=False,
        published="zero-shot:template=0",
        others={"train": [{"document": "Never fetched.", "summary": "Never.", "id": "7"}]},
    ),
    Copy(
        "cnn-dailymail",
        "abisee/cnn_dailymail",
        "test",
        [
            {
                "article": f"{STORY} She paid {n} pounds.",
                "highlights": f"Shop opens .\nBea pays {n} pounds .",
                "id": f"a{n}",
            }
            for n in (1, 2)
        ],
        "validation",
        [{"article": "A cat sat on a mat.", "highlights": "Cat sits .", "id": "a9"}],
        config="3.0.0",
        harness="cnn_dailymail_abisee",
        published="zero-shot:template=0",
        others={"train": [{"article": "Never fetched.", "highlights": "Never.", "id": "a7"}]},
    ),
    *(
        Copy(
            spec,
            "wmt/wmt16",
            "test",
            [
                {"translation": {"de": f"Der Becher kostet heute {n} Pfund.", "en": f"The cup costs {n} pounds today."}}
                for n in (1, 2)
            ],
            "validation",
            [{"translation": {"de": "Eine Katze.", "en": "A cat."}}],
            config="de-en",
            harness=harness,
            published="zero-shot:template=0",
            others={"train": [{"translation": {"de": "Nie geholt.", "en": "Never fetched."}}]},
            folder="wmt16/de-en",
        )
        for spec, harness in (("wmt16", "wmt16-en-de"), ("wmt16:pair=de-en", "wmt16-de-en"))
    ),
)
