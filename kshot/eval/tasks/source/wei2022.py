"""The eight exemplars of chain-of-thought prompting, and two of least-to-most, as published.

Wei et al. 2022 (arXiv 2201.11903, appendix G, table 20); Zhou et al. 2022 (arXiv 2205.10625, appendix on GSM8K).
"""

from __future__ import annotations

from kshot.types import Decomposition, Sample

EXEMPLARS = (
    Sample(
        "wei2022-0",
        "There are 15 trees in the grove. Grove workers will plant trees in the grove today. After they are done, there will be 21 trees. How many trees did the grove workers plant today?",
        "6",
        "There are 15 trees originally. Then there were 21 trees after some more were planted. So there must have been 21 - 15 = 6.",
    ),
    Sample(
        "wei2022-1",
        "If there are 3 cars in the parking lot and 2 more cars arrive, how many cars are in the parking lot?",
        "5",
        "There are originally 3 cars. 2 more cars arrive. 3 + 2 = 5.",
    ),
    Sample(
        "wei2022-2",
        "Leah had 32 chocolates and her sister had 42. If they ate 35, how many pieces do they have left in total?",
        "39",
        "Originally, Leah had 32 chocolates. Her sister had 42. So in total they had 32 + 42 = 74. After eating 35, they had 74 - 35 = 39.",
    ),
    Sample(
        "wei2022-3",
        "Jason had 20 lollipops. He gave Denny some lollipops. Now Jason has 12 lollipops. How many lollipops did Jason give to Denny?",
        "8",
        "Jason started with 20 lollipops. Then he had 12 after giving some to Denny. So he gave Denny 20 - 12 = 8.",
    ),
    Sample(
        "wei2022-4",
        "Shawn has five toys. For Christmas, he got two toys each from his mom and dad. How many toys does he have now?",
        "9",
        "Shawn started with 5 toys. If he got 2 toys each from his mom and dad, then that is 4 more toys. 5 + 4 = 9.",
    ),
    Sample(
        "wei2022-5",
        "There were nine computers in the server room. Five more computers were installed each day, from monday to thursday. How many computers are now in the server room?",
        "29",
        "There were originally 9 computers. For each of 4 days, 5 more computers were added. So 5 * 4 = 20 computers were added. 9 + 20 is 29.",
    ),
    Sample(
        "wei2022-6",
        "Michael had 58 golf balls. On tuesday, he lost 23 golf balls. On wednesday, he lost 2 more. How many golf balls did he have at the end of wednesday?",
        "33",
        "Michael started with 58 golf balls. After losing 23 on tuesday, he had 58 - 23 = 35. After losing 2 more, he had 35 - 2 = 33 golf balls.",
    ),
    Sample(
        "wei2022-7",
        "Olivia has $23. She bought five bagels for $3 each. How much money does she have left?",
        "8",
        "Olivia had 23 dollars. 5 bagels for 3 dollars each will be 5 x 3 = 15 dollars. So she has 23 - 15 dollars left. 23 - 15 is 8.",
    ),
)

ELSA = "Elsa has 5 apples. Anna has 2 more apples than Elsa. How many apples do they have together?"
AMY = (
    "It takes Amy 4 minutes to climb to the top of a slide. It takes her 1 minute to slide down. "
    "The slide closes in 15 minutes. How many times can she slide before it closes?"
)
DECOMPOSITIONS = (
    Decomposition(
        ELSA,
        (
            (
                "How many apples does Anna have?",
                "Anna has 2 more apples than Elsa. So Anna has 2 + 5 = 7 apples. The answer is 7.",
            ),
            (
                ELSA,
                "Elsa has 5 apples. Anna has 7 apples. Elsa and Anna have 5 + 7 = 12 apples together. The answer is 12.",
            ),
        ),
    ),
    Decomposition(
        AMY,
        (
            (
                "How long does each trip take?",
                "It takes Amy 4 minutes to climb and 1 minute to slide down. 4 + 1 = 5. The answer is 5.",
            ),
            (
                AMY,
                "The slide closes in 15 minutes. Each trip takes 5 minutes. So Amy can slide 15 / 5 = 3 times. The answer is 3.",
            ),
        ),
    ),
)
