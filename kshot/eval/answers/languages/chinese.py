"""Chinese: how an answer is stated, denied and refused in it, its numbers in words, and what a sentence says.

Full-width signs are plain ones by the time these patterns see a text (kshot.eval.answers.legible). Concedes: the
traditional forms of the commonest words only.
"""

from __future__ import annotations

import re
from fractions import Fraction

from kshot.eval.answers.languages.language import Language

HAN = r"\u3007\u3400-\u9fff"
DIGITS = {
    digit: value
    for value, forms in enumerate(("零〇", "一壹", "二两兩贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for digit in forms
}
TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
GROUPS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
NUMERAL = "".join((*DIGITS, *TENS, *GROUPS))
MEASURE = (
    r"(?:个|個|打|只|隻|元|块|塊|人|天|岁|歲|年|月|日|号|本|支|枝|张|張|条|條|米|厘|公|千|克|斤|吨|小时|分|秒|次|颗|朵|辆|头|名|位|件"
    r"|杯|瓶|盒|箱|包|种|組|组|倍|度|道|题|页|片|套|双|对|角|升|里|美|周|星|步|层|圈|棵|匹|座|间|袋)"
)
IN_WORDS = re.compile(
    rf"""
    \A[\W_]{{0,6}}(?:大?约|大概|一共|总共|共有?|有|只有|还剩|剩下?|等于|得)?
    (?P<number>
      (?P<minus>负)?
      (?: (?P<under>[{NUMERAL}]{{1,12}})分之(?P<over>[{NUMERAL}]{{1,12}})
        | (?P<half>一?半)
        | (?P<whole>[{NUMERAL}]{{1,20}})(?:点(?P<decimals>[{NUMERAL}]{{1,12}}))?(?P<and_half>{MEASURE}?半)? )
    )
    (?= {MEASURE} | [^\w] | $ )
    """,
    re.VERBOSE,
)


def whole_of(said: str) -> int:
    """What a whole number in Chinese digits is worth: 一百二十 is 120, 三万五 is 35,000, 二〇二四 is 2024."""
    if not any(sign in TENS or sign in GROUPS for sign in said):
        return int("".join(str(DIGITS[sign]) for sign in said))
    total = group = digit = 0
    unit = 1
    for sign in said:
        if sign in DIGITS:
            digit = DIGITS[sign]
            unit = 10 if digit == 0 else unit
        elif sign in TENS:
            group, digit, unit = group + max(digit, 1) * TENS[sign], 0, TENS[sign]
        else:
            group += digit
            # 亿 counts all before it (一万亿), 万 only what no 亿 has counted yet (三亿五千万)
            total = (total + group or 1) * GROUPS[sign] if sign in "亿億" else total + (group or 1) * GROUPS[sign]
            group = digit = 0
            unit = GROUPS[sign]
    return total + group + digit * (unit // 10 if unit >= 100 else 1)


def number_in_words(text: str) -> tuple[Fraction, int, int] | None:
    """(value, start, end) of a number that a text begins with; None where it has none."""
    found = IN_WORDS.match(text)
    if found is None:
        return None
    if found["under"]:
        under = whole_of(found["under"])
        over = whole_of(found["over"])
        if not under:
            return None
        value = Fraction(over) if found["under"] == "百" else Fraction(over, under)  # 百分之五 is 5, as 5% is
    elif found["half"]:
        value = Fraction(1, 2)
    else:
        value = Fraction(whole_of(found["whole"]))
        decimals = "".join(str(DIGITS.get(sign, 0)) for sign in found["decimals"] or "")
        value += Fraction(int(decimals or 0), 10 ** len(decimals)) + Fraction(int(bool(found["and_half"])), 2)
    return -value if found["minus"] else value, *found.span("number")


MULTIPLES = {tens + group: ten * value for tens, ten in [("", 1), *TENS.items()] for group, value in GROUPS.items()}
MULTIPLES |= {"百": 100, "千": 1000, "万亿": 10**12}
SAYS = re.compile(
    r"[^,。;!?\n]{0,40}(?:的|之)[^,。;!?\n的]{0,12}?(?:应该|应当|就)?(?:是|为|叫做?|即):?\s?(?=[^\s,。;!?])"
)
REVERSED = re.compile(r"([^\s,。;!?是的]{1,20})(?:就)?是[^,。;!?\n]{1,30}的[^,。;!?\n的]{1,12}(?=[。!\s]*$)")
REST = re.compile(r",|;|(?:而)?不是|因为")


def says(sentence: str) -> tuple[int, int] | None:
    """What a sentence says of its subject: 法国的首都是巴黎, 巴黎是法国的首都."""
    turned = REVERSED.match(sentence)
    if turned:
        return turned.span(1)
    said = SAYS.match(sentence)
    if said is None:
        return None
    rest = REST.search(sentence, said.end())
    return said.end(), rest.start() if rest else len(sentence)


YES = tuple(["是", "是的", "对", "对的", "没错", "正确", "肯定", "肯定的", "会", "会的", "能", "可以", "有", "有的"])
NO = tuple(
    [
        "不是",
        "不是的",
        "否",
        "否定",
        "否定的",
        "不",
        "不对",
        "不会",
        "不能",
        "不可以",
        "没有",
        "没",
        "错",
        "错误",
        "不正确",
    ]
)
HEDGES = r"(?:一共|总共|共|有|大约|约|大概|为|是|的|只|还|剩下?|等于|得)+"
SHOULD = r"(?:应该|应当|应|當|可能|大概|显然|就|便|即|确实)?"
CHINESE = Language(
    name="Chinese",
    stated=rf"(?:答案|答覆|(?:正确|最佳)(?:的)?(?:选项|選項|选择|标签)|(?:最终|最后|计算)(?:的)?结果)"
    rf"[^\S\n]?(?:\([^()\n]{{0,40}}\))?\W{{0,3}}?"
    rf"(?:{SHOULD}(?:选择?|選|是|为|為|等于|=|:)[^\S\n]?:?|(?=[(\[]?(?-i:[A-Z0-9])))(?:\*{{1,2}}(?=\s|$))?"
    r"|(?:(?<=\n)|(?<![\s\S]))[ \t*]{0,4}答\*{0,2}:\*{0,2}",
    stated_line=r"答案(?:是|为|:):?(?=\s{0,3}\S)",
    chosen=r"选(?:择|项)?(?:了|的是|为|是)?:?\s?(?=\(?(?-i:[A-Z]))|選(?:擇|項)?:?\s?(?=\(?(?-i:[A-Z]))"
    r"|(?:因此|所以|故|应该|就|而|认为|觉得|正确的|对的)[是为]\s?(?=\(?(?-i:[A-Z])\)?(?![\w']))",
    doubted=r"(?:不认为|不觉得|不知道|不确定|怀疑)[^,。;!?\n]{0,10}$",
    declined=r"\W{0,4}(?:我|我们|还|尚|暂时|目前|是|个)*"
    r"(?:不知道|不确定|不清楚|不详|不明|未知|无法|不能确定|不可知|没有答案|没有足够|无解|取决于)",
    refused=r"\W{0,4}(?:(?:抱歉|对不起|很遗憾)\W{0,3})?(?:我|我们|这|该|此|题目|问题|答案|结果|目前|还|尚|也|是|真的|暂时)*"
    r"(?:不知道|不确定|不清楚|不详(?=\W*$)|未知(?=\W*$)|无法(?:确定|判断|回答|得出|计算|得知|知道|提供)|不能(?:确定|判断|回答)"
    r"|没有(?:答案|足够)|信息不足|条件不足|无解(?=\W*$)|说不清)",
    denied=r"(?:不是|并非|并不是|而非|不为|不等于|不选|不属于|不应该?是|不算|没有|[非无未不])"
    r"(?:一个|一种|一条|一篇|选项?|很|太|那么)?[\s\"'*(《「『]{0,4}$",
    denied_clause=r"(?:不是|并非|没有|不认为|不觉得|不属于|不存在|不含|不带)(?:[^,。;:!?\n]{0,10})$"
    r"|(?:排除|除了|而非)了?[\s\"'*(选项]{0,4}$",
    denied_after=r"[\"'*)\].:、]{0,3}(?:选项|项)?(?:是|都是|显然)?"
    r"(?:错误|错的|错|不对|不正确|不合适|不合理|不符合|不可能|不是|不成立|排除)",
    contrast=r",\s?而?(?:不是|并非|非)|而(?:不是|并非|非)",
    instead=r"\W{0,3}(?:不是|并非)[^,。;\n]{1,20}?,?而是",
    question=r"(?:问题?|题目)",
    is_the_answer=r"[^\n=。]{0,12}(?:就是|即为|是)(?:正确|最终|最后)?的?答案",
    is_correct=r"(?:选项|项)?\s?(?:才|就|应该)?(?:是)?(?:正确|对的|最佳|答案|最合适)",
    article=r"(?!)",
    subject=r"\)?(?:选项|项)?(?:是|不|太|有|说)",
    joins=r"(?:或者?|到|至|和|与|及|、|还是)",
    either_of=r"(?:或者?|到|至|还是)",
    between=r"(?:在|介于|从)\s?$",
    date=r"(?:[0-9]{4}年[0-9]{1,2}月(?:[0-9]{1,2}[日号])?|[0-9]{1,2}月[0-9]{1,2}[日号]|[0-9]{1,2}点(?:半|钟|整|[0-9]{1,2}分?))",
    operator=r"(?:加上?|减去?|乘以?|除以)",
    results=r"(?:是|得|为)",
    equals=r"等于",
    aside=r"(?:每|比|从|超过|在|过了)",
    bound=r"(?:超过|大于|小于|不到|多于|少于|高于|低于)",
    minus=r"负",
    before_minus=HEDGES,
    minus_ends="负",
    multiples=MULTIPLES,
    multiple=r"(?:[十百千]?[万萬亿億]|万亿|百(?!分)|千(?![米克瓦卡]))",
    dozen=r"\s?打(?!\w)",
    part=rf"{MEASURE}?半",
    hedges=HEDGES,
    yes=YES,
    no=NO,
    it_is=r"\W{0,3}(?:它|这|那|应该)?是",
    lead_in=r"(?:我(?:认为|觉得|想|猜))?(?:当然|应该|确实|显然|因此|所以)?",
    opener=r"\s*(?:好的|当然|没问题|好)[,!。:][ \t]*(?=\S)",
    label=rf"[\s*]*[{HAN}]{{0,8}}(?:首都|复数|反义词|同义词|结果|输出|回答|译文|翻译|比较级|过去式)\**:\**[ \t]*(?=\S)",
    in_words=number_in_words,
    says=says,
)
