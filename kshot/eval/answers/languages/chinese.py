"""Chinese: how an answer is stated, denied and refused in it, its numbers in words, and what a sentence says.

Full-width signs are plain ones by the time these patterns see a text (kshot.eval.answers.legible). Concedes: the
traditional forms of the commonest words only.
"""

from __future__ import annotations

import re

from kshot.eval.answers.languages.chinese_numbers import MEASURE, MULTIPLES, number_in_words
from kshot.eval.answers.languages.language import Language

HAN = r"\u3007\u3400-\u9fff"
RELATION = "(?:作者|首都|省会|反义词|近义词|同义词|朝代|颜色|国家|城市|名字|名称|主人公|主角|发明者|创始人|别名|译文)"
SAYS = re.compile(
    rf"(?:{RELATION}(?:应该|应当|就)?(?:是|为|為|叫做?)):?\s?(?=[^\s,。;!?])|"
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


YES = tuple(
    [
        "對",
        "對的",
        "沒錯",
        "是",
        "是的",
        "对",
        "对的",
        "没错",
        "正确",
        "正确的",
        "肯定",
        "肯定的",
        "会",
        "会的",
        "能",
        "可以",
        "有",
        "有的",
    ]
)
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
        *("错误的", "错的", "不正确的", "不对的"),
        "不對",
        "不會",
        "沒有",
        "沒",
        "錯",
        "錯誤",
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
    r"|答案(?:并|並)?不是[^,。;\n]{1,20},?\s?而?是"
    r"|结果(?:为|是|:|等于)[^\S\n]?(?=[-$]?[0-9])"
    r"|【(?:正确|正確|参考|最终)?答案】:?"
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
    denied_after=r"[\"'*)\].:、]{0,3}(?:选项|项)?(?:[都全均]{1,2}|显然)?是?"
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
    bound_after=rf"{MEASURE}?(?:以上|以下|以内|之内)",
    comes_to=r"[^0-9,。;:!?\n]{0,16}?(?:还剩下?|還剩下?|剩下?了?|一共|总共|總共|共计?|需要|花了|用了|等于|(?:还|還|现在|現在)有)"
    r"(?:有|需要|是|花了|用了)?",
    reason=r"[,;。]?\s?(?:因为|因為|由于|理由)",
    bound=r"(?:超过|大于|小于|不到|多于|少于|高于|低于)",
    minus=r"(?:负|負|零下)",
    before_minus=HEDGES,
    minus_ends="负負下",
    multiples=MULTIPLES,
    multiple=r"(?:[十百千]?[万萬亿億]|万亿|百(?!分)|千(?![米克瓦卡]))",
    dozen=r"\s?打(?!\w)",
    part=rf"{MEASURE}?半",
    hedges=HEDGES,
    yes=YES,
    no=NO,
    it_is=r"\W{0,3}(?:它|这|那|应该)?是",
    lead_in=r"(?:我(?:认为|觉得|想|猜))?(?:当然|应该|确实|显然|因此|所以)?"
    r"(?:(?:这|该|此|上述|题中的?)(?:句话|个?(?:说法|判断|命题|陈述|句子|观点|结论))(?:显然|确实)?是?)?",
    opener=r"\s*(?:好的|当然|没问题|好)[,!。:][ \t]*(?=\S)",
    label=rf"[\s*]*[{HAN}]{{0,8}}"
    r"(?:答案?|首都|复数|反义词|同义词|结果|输出|回答|译文|翻译|比较级|过去式)\**:\**[ \t]*(?=\S)",
    in_words=number_in_words,
    says=says,
)
