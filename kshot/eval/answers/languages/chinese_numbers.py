"""Numbers in Chinese: in words (两百三十, 三分之一, 壹佰), and digits with units between them (3万5千, 18元5角)."""

from __future__ import annotations

import re
from fractions import Fraction

DIGITS = {
    digit: value
    for value, forms in enumerate(
        ("零〇", "一壹", "二两兩贰貳", "三叁參叄", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")
    )
    for digit in forms
}
TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
GROUPS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
DIGIT = "".join(DIGITS)
NUMERAL = "".join((*DIGITS, *TENS, *GROUPS, "廿卅"))
SIGN = rf"(?:(?!千[克米瓦卡])[{NUMERAL}])"  # 三千克 is three kilograms
# 三四个, 五六十, 十七八 are not one number; 二〇二四 is
VAGUE = re.compile(
    r"(?:一二|二三|两三|三四|三五|四五|五六|六七|七八|八九)(?=[十百千万亿]|\Z)(?<![\u3007零一二三四五六七八九]..)"
)
MEASURE = (
    r"(?:个|個|打|只|隻|元|圆|块|塊|人|天|岁|歲|年|月|日|号|號|本|支|枝|张|張|条|條|米|厘|公|千(?=[克米瓦卡])|克"
    r"|斤|吨|小时|小時|分|秒|次|颗|顆|朵|辆|輛|头|頭|名|位|件|杯|瓶|盒|箱|包|种|組|组|倍|度|道|题|页|片|套|双"
    r"|对|角|升|里|美|周|星|步|层|圈|棵|匹|座|间|袋|枚|块|根|串|粒|扇|台|艘|架|桶|碗|篮|筐|排|行|列|门|首|章)"
)
IN_WORDS = re.compile(
    rf"""
    \A[\W_]{{0,6}}(?:大?约|大概|一共|总共|總共|共有?|有|只有|还剩|剩下?|等于|得)?
    (?P<number>
      (?P<minus>负|負|零下)?
      (?: (?:(?P<count>{SIGN}{{1,12}})又)?(?P<under>{SIGN}{{1,12}})分之
          (?P<over>{SIGN}{{1,12}})(?:点(?P<part>{SIGN}{{1,12}}))?
        | (?P<half>一?半)
        | (?P<yuan>{SIGN}{{1,40}})[块塊元](?P<jiao>[{DIGIT}])[毛角]?
        | (?P<whole>{SIGN}{{1,40}})(?:点(?P<decimals>{SIGN}{{1,12}}))?(?P<and_half>{MEASURE}?半)? )
    )
    (?= {MEASURE} | [^\w] | $ )
    """,
    re.VERBOSE,
)


def whole_of(said: str) -> int:
    """What a whole number in Chinese digits is worth: 一百二十 is 120, 三万五 is 35,000, 二〇二四 is 2024."""
    said = said.replace("廿", "二十").replace("卅", "三十")
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


def decimals_of(said: str | None) -> Fraction:
    """What the signs behind 点 are worth: 五 is 0.5."""
    digits = "".join(str(DIGITS.get(sign, 0)) for sign in said or "")
    return Fraction(int(digits or 0), 10 ** len(digits))


def number_in_words(text: str) -> tuple[Fraction, int, int] | None:
    """(value, start, end) of a number that a text begins with; None where it has none."""
    found = IN_WORDS.match(text)
    if found is None or (found["whole"] and VAGUE.search(found["whole"])):
        return None
    if found["under"]:
        under = whole_of(found["under"])
        over = Fraction(whole_of(found["over"]))
        if not under:
            return None
        over += decimals_of(found["part"])
        value = over if found["under"] == "百" else over / under  # 百分之五 is 5, as 5% is
        value += whole_of(found["count"]) if found["count"] else 0
    elif found["yuan"]:
        value = Fraction(whole_of(found["yuan"])) + Fraction(DIGITS[found["jiao"]], 10)
    elif found["half"]:
        value = Fraction(1, 2)
    else:
        value = Fraction(whole_of(found["whole"]))
        value += decimals_of(found["decimals"]) + Fraction(int(bool(found["and_half"])), 2)
    return -value if found["minus"] else value, *found.span("number")


MULTIPLES = {tens + group: ten * value for tens, ten in [("", 1), *TENS.items()] for group, value in GROUPS.items()}
MULTIPLES |= {"百": 100, "千": 1000, "万亿": 10**12}

UNITS = {"亿": 10**8, "億": 10**8, "万": 10**4, "萬": 10**4, "千": 1000, "百": 100}
JOINING = re.compile(r"[0-9][亿億万萬千又分元块塊]")
NO_UNIT = rf"(?![0-9.%]|{MEASURE})"
IN_DIGITS = re.compile(
    rf"""(?<![0-9.,/])
    (?: (?P<compound>[0-9]{{1,9}}(?:\.[0-9]{{1,4}})?[亿億万萬千]
            (?:[0-9]{{1,4}}[万萬千百](?!分)){{1,3}}(?:[0-9]{{1,3}}(?![0-9.]))?
          | [0-9]{{1,4}}[亿億万萬][0-9]{{4}}(?![0-9.]))
      | (?P<short>[0-9]{{1,4}})(?P<unit>[亿億万萬千])(?P<digit>[1-9]){NO_UNIT}
      | (?:(?P<count>[0-9]{{1,9}})又)?(?P<under>[0-9]{{1,9}})分之(?P<over>[0-9]{{1,9}})(?![0-9])
      | (?P<mixed>[0-9]{{1,9}})又(?=[0-9]{{1,9}}/[0-9])
      | (?P<yuan>[0-9]{{1,9}})(?:[元块塊](?P<jiao>[0-9])[角毛](?:(?P<fen>[0-9])分)?|[块塊](?P<bare>[1-9]){NO_UNIT}) )
    """,
    re.VERBOSE,
)


def plainer_digits(text: str) -> list[tuple[int, int, str]]:
    """Stretches of digits and Chinese signs that are one number, with that number: (start, end, plain).

    >>> [plain for _, _, plain in plainer_digits("3万5千 1又1/2 3分之1 18元5角 12万3456")]
    ['35000', '1 ', '1/3', '18.5', '123456']
    """
    if not JOINING.search(text):
        return []
    return [(*found.span(), plain_of(found)) for found in IN_DIGITS.finditer(text)]


def plain_of(found: re.Match[str]) -> str:
    """The number of a match of IN_DIGITS as a plain numeral."""
    if found["compound"]:
        total = Fraction(0)
        for part in re.finditer(r"([0-9]+(?:\.[0-9]+)?)([亿億万萬千百]?)", found["compound"]):
            total += Fraction(part[1]) * UNITS.get(part[2], 1)
        return str(total) if total.denominator == 1 else f"{float(total)}"
    if found["short"]:
        return str(int(found["short"]) * UNITS[found["unit"]] + int(found["digit"]) * UNITS[found["unit"]] // 10)
    if found["under"]:
        return (
            f"{found['count']} {found['over']}/{found['under']}"
            if found["count"]
            else f"{found['over']}/{found['under']}"
        )
    if found["mixed"]:
        return f"{found['mixed']} "
    return f"{found['yuan']}.{found['jiao'] or found['bare']}{found['fen'] or ''}"
