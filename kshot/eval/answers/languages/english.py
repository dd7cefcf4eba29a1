"""English: how an answer is stated, denied and refused in it, and what a sentence says of its subject."""

from __future__ import annotations

import re

from kshot.eval.answers.languages.english_numbers import LARGE, listed, number_in_words
from kshot.eval.answers.languages.language import Language

STATED = (
    r"(?<!hope that )(?<!hope this )(?<!hope the )(?<!hope my )"
    r"\b(?:answer|ans\b|(?:final|correct|right|best|my)\s{1,2}(?:option|choice|solution|result|pick|guess)"
    r"|correct(?=\s?:))"
    r"(?:\s{1,2}(?:choice|option))?"
    r"(?:\s{1,2}(?:to|for)\s[^.:=\n]{1,60}?)?"  # the answer to this question is
    r"(?:\s?\([^()\n]{0,200}\))?\W{0,3}?"  # the answer (arabic numerals) is
    r"(?:(?<=[\s)*])(?:is|are|was|would\sbe|should\sbe|must\sbe|will\sbe|equals|comes\s(?:out\s)?to|turns\sout\sto\sbe)"
    r"(?:\b(?!')|(?=n't\b)|(?=[0-9$(\"]|(?-i:[A-Z])))"  # "isYes": a second stage joined without a blank
    r"(?:\s?[:=])?|[:=])"
    r"(?:\*{1,2}(?=\s|$))?"  # the end of **Answer:**
)
LETTER = r"(?-i:\(?[B-Z]\)?(?![\w'])|\(A\)|A(?![\w'])(?!\s[a-z]))"
CHOSEN = (
    r"\b(?:I|we)(?:'d|'ll|\s(?:would|will|must|should|have\sto|am\sgoing\sto))?"
    r"(?:\s(?:probably|likely|therefore|then|so|just|rather|definitely|also))?"
    r"\s(?:pick|choose|select|chose|picked|selected|opt\sfor|go\s(?:for|with)|vote\sfor|settle\son)\b:?"
    rf"|\b(?:so|thus|therefore|hence|then|definitely|probably|certainly|clearly|surely|likely)[,:]?\s(?={LETTER}[.!*)]{{0,3}}\s*(?:\n|$))"
    rf"|\b(?:choose|select|pick|leav(?:es|ing)(?:\sus\swith|\sonly|\sjust)?)\s(?=(?:option|choice|answer)?\s?{LETTER})"
    rf"|\bnot\s[^.;\n]{{1,30}},?\sbut\s(?:rather\s)?(?={LETTER})"
    rf"|\bI(?:'d|\swould)?\s(?:think|guess|believe|say)\s(?:that\s)?(?:it's\s|it\sis\s)?"
    rf"(?={LETTER}(?:[.,;!)*]|\s*(?:\n|$)|\s(?:because|since|as)\b))"
    rf"|\bit(?:'s|\s(?:is|must\sbe|should\sbe|has\sto\sbe))\s(?={LETTER})"
    rf"|\bans(?:wers?)?\b\.?(?:\s(?:choice|option))?(?:\s?[:\u2014-])?\s?(?={LETTER})"
)
KNOW = r"(?:known|available|clear|certain|possible|given|definitive|determinable|say|tell|determine)"
FILLERS = r"(?:it|that|this|we|i|one|you|is|currently|still|simply|really|probably|yet|possible|to)"
DECLINED = (
    rf"\W{{0,4}}(?:(?:{FILLERS}|not|impossible)\s{{1,2}}){{0,6}}"
    r"(?:unknown|unclear|uncertain|undetermined|indeterminate|inconclusive|unavailable|impossible|dependent|depends"
    r"|cannot|can'?t|could\snot)\b"
    rf"|\W{{0,4}}(?:{FILLERS}\s{{1,2}}){{0,5}}(?:not|impossible)\s{{1,2}}(?:(?:{FILLERS}|not)\s{{1,2}}){{0,4}}{KNOW}\b"
    r"|\W{0,4}(?:n/a\b|not\s(?:enough|applicable|sure|specified|mentioned)\b|no\s(?:answer|one\sknows|idea)\b)"
)
REFUSED = (
    r"\W{0,4}(?:(?:sorry|unfortunately|well|hmm|honestly|actually|so|but|as\san\sAI(?:\s[a-z]{1,12}){0,2})\W{1,3}(?:but\s)?)?(?:"
    r"(?:I|we)\s(?:really\s|just\s|honestly\s|still\s)?(?:(?:do|did|can|could)(?:\snot|n't)|cannot|can't)"
    r"\s(?:really\s|yet\s)?(?:know|have|tell|say|answer|determine|find|figure|see\sa|be\s(?:sure|certain)|help|provide|give)\b"
    r"|(?:I'm|I\sam|we\sare|we're)\s(?:really\s|just\s|still\s)?(?:not\s(?:sure|certain|able)|unsure|unable|sorry)\b"
    r"|(?:I|we)\shave\sno\s(?:answer|clue|idea|way|information)\b|no\sidea\b|(?:nobody|no\sone)\s(?:knows|can\ssay)\b"
    r"|n/a\b|n\.a\.(?=\W*$)|idk\b"
    r"|there\s(?:is|are)(?:n't|\snot)\s(?:enough|an?\s(?:answer|single))\b|there(?:'s|\sis)\s(?:no\s(?:answer|solution|way|information|single|correct)|none\b|not\senough)"
    r"|(?:it|this|that|which|the\sanswer)(?:'s|\sis)\s(?:still\s|currently\s)?"
    rf"(?:unknown|unclear|uncertain|undetermined|impossible|not\s(?:\w{{1,12}}\s)?(?:clear|{KNOW}|sure|specified|mentioned|stated|provided|applicable))\b"
    r"|(?:(?:it|this|that|(?:the|this)\s(?:answer|question|result))\s)?(?:cannot|can't|can\snot|could\snot)\sbe"
    r"\s(?:determined|known|answered|said|told|inferred)\b"
    r"|none\sof\s(?:the\s(?:above|choices|options|others)|these|them|those)\b"
    r"|(?:it\s|that\s)?depends\b|not\senough\s(?:information|info|data|context)\b|insufficient\s(?:information|data)\b"
    r"|no\s(?:answer|one\sknows|information|solution)\b(?=\W*$|\s(?:is|can|was|available|provided|given|found|exists|possible))"
    r"|(?:currently\s)?(?:unknown|unanswerable|undetermined|not\s(?:known|available|applicable|sure|specified|mentioned"
    r"|given|provided|stated|clear|certain|possible\sto\s\w{1,12})|cannot\s(?:say|tell|answer))(?=\W*$)"
    r")"
)
# words that end the reach of a denial
BREAK = r"(?:and|but|so|because|as|since|it|its|they|therefore|thus|hence|rather|instead|however|then|if)"
NOT = r"(?:(?:\b(?:not|never|nor|neither|cannot|hardly|barely|nothing)|n't)\b(?!\s(?:only|just|merely|least)\b))"
THINK = (
    r"(?:think|believe|say|feel|consider|find|see|call|classify|describe|know|sure|certain|convinced|mean|label|rate)"
)
DENIED = (
    rf"(?:{NOT}(?:\s(?:an?|the|about|really|quite|simply|exactly|necessarily|all|even|be|been|option|choice))*"
    r"|\b(?:rather\sthan|instead\sof|as\sopposed\sto|opposed\sto|unlike|except(?:\sfor)?|far\sfrom|anything\sbut)"
    r"(?:\s(?:an?|the))?|\bnon)[\s\"'*($-]{0,4}$"
)
DENIED_CLAUSE = (
    rf"(?:{NOT}(?:\s(?!{BREAK}\b)[\w'-]+){{0,6}}"
    rf"|{NOT}\s(?:\w+\s)?{THINK}(?:\s[\w'-]+){{0,6}}"
    r"|\b(?:doubt|unlikely)(?:\s[\w'-]+){0,4}"
    rf"|\bno(?:\s(?!{BREAK}\b)(?!(?:is|are|was|doubt|question|problem|longer|one)\b)[\w'-]+){{0,2}}"
    r"|\bno\slonger(?:\s\w+)?|\bover"
    r"|\b(?:without|lacks?|lacking|free\sof|absence\sof)(?:\s(?:any|an?|the|being|sounding))?"
    r"|\b(?:rul(?:es?|ed|ing)|cross(?:es|ed)?)\s(?:out)?|\b(?:eliminat|exclud|reject|dismiss|discard)(?:e|es|ed|ing|s)"
    r"|\bfails?\sto\sbe(?:\s\w+)?)[\s\"'*(-]{1,4}$"
)
DENIED_AFTER = (
    r"[\"'*)\]]{0,3}(?:[.:](?=\s(?-i:[a-z])))?(?:\s[^\W\d_]{1,12})?"
    r"\s(?:(?:is|are|was|were|would\sbe|seems|looks)\s(?:(?:clearly|also|definitely|obviously|just|only)\s)?"
    r"(?:not\b|n't\b|wrong\b|incorrect\b|false\b|invalid\b|unlikely\b|a\smistake\b|my\sfirst\b|ruled\sout\b|out\b)"
    r"|(?:isn't|aren't|wasn't|cannot|can't|couldn't)\b)"
    r"|[\"'*)\]]{0,3}\s?(?:[:=]\s{0,2}(?:no|false|incorrect|wrong)|\?\s{0,2}(?:no|nope|not|wrong))\b"
)
# answers' own names: what a reply may name before it gives it
RELATION = (
    r"(?:answer|plural|singular|past|tense|capital|opposite|antonym|synonym|comparative|superlative|form|word|words|result"
    r"|output|response|reply|translation|abbreviation|city|country|name|solution|spelling|rhyme|list|order|label|sentiment"
    r"|category|class|meaning|conclusion)"
)
SENTENCE = re.compile(
    rf"(?=[^\n]{{0,120}}?\s(?:is|are|was|becomes?|would\sbe|means?)\b)"
    rf"(?:[\"'`*]|(?:[^\W\d_][\w'-]*\s){{0,4}}?{RELATION}\b"
    rf"|(?:the|its|their|his|her|a|an)\s(?:[\w'\"-]+\s){{1,6}}?(?:of|for|to)\b"
    rf"|(?:here|this|that)\s(?:is|are|was|would\sbe)\s(?:the|your|a|an)\s(?:[\w'-]+\s){{0,3}}{RELATION}\b)",
    re.IGNORECASE,
)
MULTIPLES = {word: worth for word, worth in LARGE.items() if worth != LARGE["dozen"]}
MULTIPLES |= {"mn": 10**6, "mil": 10**6, "mio": 10**6, "bn": 10**9}
MULTIPLES |= {"lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7}
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
HEDGES = (
    r"\b(?:approximately|about|around|roughly|nearly|exactly|only|just|equal|to|that|there|are|is|it|a|an|the|total|of"
    r"|probably|most|likely|therefore|thus|simply|text|mathrm|rm|so|in|be|will|would|usd|rs)\b"
)
COPULA = re.compile(
    r"(?<=\S)\s(?:is|are|was|becomes?|would\sbe|means?):?\s{1,2}(?=[\"'(]{0,2}[^\s.,;:!?\"')])", re.IGNORECASE
)
SUBJECT = re.compile(r"(?:the|a|an)\s[^,]{0,80}\b(?:of|for|in)\b", re.IGNORECASE)
REST = re.compile(
    r",\s(?:which|where|who|and|but|because|as|since|while|not)\b|\s(?:because|since)\s|\s\(", re.IGNORECASE
)
QUOTED = re.compile(r"[\"`]([^\"`\n]{1,60})[\"`]|\*\*([^*\n]{1,60})\*\*")


def says(sentence: str) -> tuple[int, int] | None:
    """What a sentence says of its subject: "The plural of child is children", "Paris is the capital of France"."""
    copula = COPULA.search(sentence)
    if copula is None:
        return None
    if SUBJECT.match(sentence, copula.end()) and len(sentence[: copula.start()].split()) <= 3:
        return 0, copula.start()
    if not SENTENCE.match(sentence):
        return None
    quoted = QUOTED.match(sentence, copula.end())
    if quoted:
        return quoted.span(1 if quoted[1] else 2)
    rest = REST.search(sentence, copula.end())
    return copula.end(), rest.start() if rest else len(sentence)


ENGLISH = Language(
    name="English",
    stated=STATED,
    stated_line=r"\banswer(?:\sis\b:?|:)(?=\s{0,3}\S)",
    chosen=CHOSEN,
    doubted=rf"(?:{NOT}\s(?:\w+\s)?{THINK}|\bdoubt)(?:\s[\w'-]+){{0,4}}\s$",
    declined=DECLINED,
    refused=REFUSED,
    denied=DENIED,
    denied_clause=DENIED_CLAUSE,
    denied_after=DENIED_AFTER,
    contrast=r"(?:[,;]|\s[\u2014-])\s{1,2}(?:and\s|but\s)?not\b|\s(?:and|but)\snot\b|,?\s(?:rather\sthan|instead\sof|as\sopposed\sto)\b|\s\(not\b",
    instead=r"\W{0,3}not\s(?!only\b)[^,.;\n]{1,40}?,?\s(?:but|it's|it\sis)\s(?:rather\s)?",
    question=r"(?:Q|Question)",
    is_the_answer=r"[^\n=.]{0,30}\bis\s(?:the|my|our)\s(?:(?:final|correct|right)\s)?answer\b",
    is_correct=r"\s{1,3}(?:is|must\sbe|would\sbe|seems)\s{1,3}(?:the\s|my\s)?"
    r"(?:(?:most\s)?(?:likely|correct|right|best|final)\b(?!\sin)|answer\b)",
    # a lower-case word after "A" makes it an article, unless it goes on about the choice
    article=r"\s{1,3}(?!(?:because|since|as|and|or|but|is|was|so|with|which|for|by|if|in)\b)(?-i:[^\W\d_A-Z])",
    # "(A) is too small, and ..." goes through the choices
    subject=r"\)?\s{1,3}(?:is|are|was|isn't|cannot|can't|can|could|does|doesn't|would|has|says)\b",
    joins=r"\b(?:and/or|or|and|nor|also|to|through|up\sto)\b",
    either_of=r"\b(?:and/or|or|to|through|up\sto)\b",
    between=r"\b(?:between|from|either|both)\s{1,2}$",
    date=rf"(?:{MONTH}\.?\s[0-9]{{1,2}}(?:st|nd|rd|th)?(?![0-9])(?:,?\s[0-9]{{4}})?"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{MONTH}\b\.?(?:,?\s[0-9]{{4}})?)",
    operator=r"(?:plus|minus|times|multiplied\sby|divided\sby|over|%\sof)",
    results=r",?\s(?:which\s|that\s)?(?:is|makes|gives|comes\sto)\b",
    equals=r"\b(?:equals|is\sequal\sto)\b",
    aside=r"\b(?:for|per|every|each|within|over|after|during|in|since|than|from|at|(?<!left\s)(?<!up\s)with)"
    r"(?:\s(?:the|about|all|these|those|only))?",
    bound=r"\b(?:(?:more|less|fewer|greater|larger|smaller|higher|lower)\sthan|over|under|above|below)\s{1,2}",
    bound_after=r"(?!)",
    comes_to=r"(?!)",
    reason=r",?\s(?:because|since)\b",
    minus=r"(?:minus|negative)",
    before_minus=rf"(?:{HEDGES}|\b(?:equals|at|by|from|or|was|get|gives|makes|becomes|than|answer))",
    minus_ends="se",
    multiples=MULTIPLES,
    multiple=rf"(?:{listed(MULTIPLES)})(?![^\W_])",
    dozen=r"\s?dozens?\b",
    part=r"(?:and[\s-])?(?:an?|one|two|three)[\s-](?:half|thirds?|quarters?|fourths?)(?![^\W_])",
    hedges=HEDGES,
    yes=("yep", "yeah", "yup"),
    no=("nope",),
    it_is=r"\W{0,3}(?:it|this|that)(?:'s|\s(?:is|was))\s",
    lead_in="",
    opener=r"\s*(?:sure|certainly|of\scourse|okay|ok|absolutely)[!,.:][ \t]+(?=\S)",
    label=rf"[\s*]*(?:[^\W\d_][\w'-]{{0,20}}\s){{0,3}}?{RELATION}(?:\s[^\W\d_]{{1,20}}){{0,2}}\**:\**[ \t]+(?=\S)",
    in_words=number_in_words,
    says=says,
)
