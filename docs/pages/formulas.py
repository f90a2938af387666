"""Formulas that stand as plain text in docstrings and comments -> MathML.

A formula is looked for in ordinary prose: `log p(u) = log p(f(u)) + log |det df/du|; equation 3`. What cannot be read
as one stays prose. In code font stay names with underscores that are no letter with a subscript.
"""

import re
from html import escape
from typing import NamedTuple

LETTERS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
GREEK = dict(zip(LETTERS.split(), "αβγδεζηθικλμνξπρστφχψω", strict=True))
MINUS, TIMES, PRIME = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{PRIME}"
FUNCTIONS = {"log", "exp", "tanh", "sigmoid", "softmax", "softplus", "logit", "det", "min", "max", "KL", "E", "N"}
PREFIX = {"log", "exp", "tanh", "det"}  # they need no brackets
RELATIONS = {"=": "=", "~": "&sim;", "<=": "≤", ">=": "≥", "<": "&lt;", ">": "&gt;", "->": "→", "|": "|", "||": "‖"}
TOKEN = re.compile(
    r"(?P<code>`[^`]+`)|(?P<number>\d+(?:,\d{3})+|\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)"
    r"|(?P<sign>->|<=|>=|\.\.\.|\|\||[-+*/^~<>=|()\[\],'_])|(?P<other>\S)"
)
ARTICLES = {"a", "A", "I"}  # words of a sentence, where nothing is attached to them
BEFORE_A_NUMBER = re.compile(r"(section|sections|appendix|table|figure|equation|equations|line|part)\s+$", re.I)


class Token(NamedTuple):
    """A piece of the text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


class NoFormulaError(Exception):
    """What stands here cannot be read as a formula."""


def is_symbol(name: str) -> bool:
    """Is it a letter or a Greek one's name, perhaps with a subscript?"""
    base, *subscript = name.split("_")
    return (len(base) == 1 or base in GREEK) and len(subscript) <= 1


def fenced(opening: str, inside: str, closing: str) -> str:
    """Something between two brackets or bars; they grow where it is high."""
    grow = str("<mfrac" in inside or "<munder" in inside).lower()
    opened, closed = (f'<mo fence="true" stretchy="{grow}">{sign}</mo>' for sign in (opening, closing))
    return f"<mrow>{opened}{inside}{closed}</mrow>"


class Reader:
    """Reads one formula that starts at a token. Each method gives MathML and moves behind what it has read."""

    def __init__(self, tokens: list[Token], at: int, takes_words: bool = True) -> None:
        self.tokens, self.at, self.takes_words = tokens, at, takes_words
        self.words = False  # has it words among its operands?
        self.symbols = self.signs = 0

    def sign(self, *wanted: str, tight: bool = False) -> bool:
        """Is the next token one of these signs (with nothing between it and what was read)?"""
        here = self.tokens[self.at]
        return here.kind == "sign" and here.text in wanted and not (tight and self.spaced(self.at))

    def spaced(self, at: int) -> bool:
        """Is there space in front of a token?"""
        return at == 0 or self.tokens[at].start > self.tokens[at - 1].end

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1].text

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            raise NoFormulaError
        self.at += 1

    def relation(self, closing: str = "") -> str:
        """Sums with relations between them. `closing` is the bar that would end it."""
        found = self.sum()
        while self.sign(*RELATIONS) and not self.sign(closing):
            before = self.at
            if self.sign("|", "||") and self.spaced(before) != self.spaced(before + 1):
                break  # it opens
            operator = RELATIONS[self.take()]
            try:
                found += f'<mo form="infix" lspace="0.28em" rspace="0.28em">{operator}</mo>{self.sum()}'
            except NoFormulaError:
                self.at = before
                break
            self.signs += 1
        return found

    def sum(self) -> str:
        found = self.signed()
        while self.sign("+", "-"):
            before, tight = self.at, not self.spaced(self.at)
            operator = "+" if self.take() == "+" else MINUS
            short = self.tokens[self.at]
            if tight != (not self.spaced(self.at)) or (tight and not (short.kind == "number" or len(short.text) == 1)):
                self.at = before  # a hyphen
                break
            try:
                found += f"<mo>{operator}</mo>{self.term()}"
            except NoFormulaError:
                self.at = before
                break
            self.signs += not tight or short.kind != "number" or self.symbols > 0
        return found

    def signed(self) -> str:
        if self.sign("-") and not self.spaced(self.at + 1):
            self.at += 1
            return f'<mo form="prefix">{MINUS}</mo>{self.term()}'
        return self.term()

    def term(self) -> str:
        """Products, with `/` and spaces around it between them."""
        found = self.product()
        while self.sign("/") and self.spaced(self.at) and self.spaced(self.at + 1):
            self.at += 1
            found = f"<mfrac><mrow>{found}</mrow><mrow>{self.product()}</mrow></mfrac>"
            self.signs += 1
        return found

    def product(self) -> str:
        word = self.words
        self.words = False
        found = self.factor()
        alone, self.words = self.words, self.words or word
        while not alone:  # nothing is multiplied by a word
            here, before = self.tokens[self.at], self.at
            if here.text == "*":
                self.at += 1
                found += f"<mo>·</mo>{self.factor()}"
                self.signs += 1
            elif here.text == "x" and self.tokens[self.at - 1].kind == self.tokens[self.at + 1].kind == "number":
                self.at += 1
                found += f"<mo>{TIMES}</mo>{self.factor()}"
                self.signs += 1
            elif self.multiplies(here):
                self.signs += (
                    here.kind == "name" and self.tokens[before - 1].kind == "number" and not self.spaced(before)
                )
                try:
                    found += f"<mo>&#8290;</mo>{self.factor()}"
                except NoFormulaError:
                    self.at = before
                    break
            else:
                break
        return found

    def multiplies(self, here: Token) -> bool:
        """Does this token go on with a product that has no sign?"""
        if here.kind == "name":
            bare = here.text in ARTICLES and not Reader(self.tokens, self.at + 1).sign("'", "^", "(", "_", tight=True)
            return (is_symbol(here.text) and not bare) or here.text in PREFIX or here.text.startswith("sum_")
        return here.text == "("

    def factor(self) -> str:
        """An atom, or a fraction without spaces."""
        found = self.atom()
        while self.sign("/", tight=True) and not self.spaced(self.at + 1) and not self.words:
            self.at += 1
            found = f"{found}<mo>/</mo>{self.atom()}"
            self.signs += 1
        return found

    def atom(self) -> str:
        """A number, a letter, a function and what it is of, or something in brackets."""
        here = self.tokens[self.at]
        if here.kind == "number":
            found = f"<mn>{self.take()}</mn>"
        elif here.kind == "name":
            found = self.name()
        elif here.kind == "code":
            self.words = True
            found = f"<mtext><code>{escape(self.take().strip('`'))}</code></mtext>"
        elif here.text == "...":
            self.at += 1
            found = "<mo>…</mo>"
        elif here.text in ("|", "||"):
            bar = RELATIONS[self.take()]
            found = fenced(bar, self.relation(here.text), bar)
            self.expect(here.text)
            self.signs += 1
        elif here.text in ("(", "["):
            found = self.bracketed()
        else:
            raise NoFormulaError
        return self.attached(found)

    def name(self) -> str:
        text = self.take()
        base, *subscript = text.split("_")
        if text.startswith("sum_"):
            self.signs += 1
            return f"<munder><mo>∑</mo><mi>{subscript[0]}</mi></munder><mrow>{self.term()}</mrow>"
        if text in FUNCTIONS and (text in PREFIX or self.sign("(", "|", tight=True)):
            self.signs += 1
            italic = ' mathvariant="normal"' if len(text) == 1 else ""
            head = f"<mi{italic}>{text}</mi>"
            if self.sign("(", tight=True):
                return head + self.bracketed(application=True)
            words = self.words
            found = f'{head}<mspace width="0.17em"/>{self.atom()}'
            if self.words != words:  # "log of": no formula
                raise NoFormulaError
            return found
        if is_symbol(text):
            self.symbols += 1
            letter = f"<mi>{GREEK.get(base, base)}</mi>"
            if subscript == ["hat"]:
                letter = f'<mover accent="true">{letter}<mo>^</mo></mover>'
            elif subscript:
                kind = "mn" if subscript[0].isdigit() else "mi"
                letter = f"<msub>{letter}<{kind}>{GREEK.get(subscript[0], subscript[0])}</{kind}></msub>"
                self.signs += 1
            if self.sign("(", tight=True):
                self.signs += 1
                return self.attached(letter) + self.bracketed(application=True)
            return letter
        if re.fullmatch(r"d[a-z]", text) and "/" in (self.tokens[self.at].text, self.tokens[self.at - 2].text):
            return f"<mi>d</mi><mi>{text[1]}</mi>"
        if not self.takes_words:
            raise NoFormulaError
        if "_" in text:
            self.words = True
            return f"<mtext><code>{text}</code></mtext>"
        if re.fullmatch(r"[a-z]{2,}", text):
            self.words = True
            return f"<mtext>{text}</mtext>"
        raise NoFormulaError

    def bracketed(self, application: bool = False) -> str:
        """A list in brackets. What a function is of may be words."""
        opening = self.take()
        closing = {"(": ")", "[": "]"}[opening]
        words, before, parts = self.words, self.at, []
        try:
            while not self.sign(closing):
                parts.append(self.relation())
                if not self.sign(closing):
                    self.expect(",")
        except NoFormulaError:
            if not application:
                raise
            self.at, parts = before, []
            while self.tokens[self.at].kind == "name":
                parts.append(self.take())
            parts = [f"<mtext>{' '.join(parts)}</mtext>"]
        self.expect(closing)
        if application:
            self.words = words
        self.signs += len(parts) > 1 and self.symbols + (opening == "[") > 0
        inside = "<mo>,</mo>".join(parts)
        return fenced(opening, inside, closing)

    def attached(self, found: str) -> str:
        """What stands at the upper or lower right of it, or over it."""
        while True:
            if self.sign("'", tight=True) and not (
                self.tokens[self.at + 1].kind == "name" and not self.spaced(self.at + 1)
            ):
                self.at += 1
                found = f"<msup><mrow>{found}</mrow><mo>{PRIME}</mo></msup>"
            elif self.sign("~", tight=True):
                self.at += 1
                found = f'<mover accent="true"><mrow>{found}</mrow><mo>~</mo></mover>'
            elif self.sign("_", "^", tight=True):
                tag = "msub" if self.take() == "_" else "msup"
                found = f"<{tag}><mrow>{found}</mrow><mrow>{self.script()}</mrow></{tag}>"
            else:
                return found
            self.signs += 1

    def script(self) -> str:
        """A sub- or superscript: a signed number or name, or a sum in brackets."""
        if self.sign("("):
            self.at += 1
            found = self.sum()
            self.expect(")")
            return found
        minus = f"<mo>{MINUS}</mo>" if self.sign("-") and self.take() else ""
        if self.tokens[self.at].kind not in ("number", "name"):
            raise NoFormulaError
        return f"{minus}<mi>{self.take()}</mi>"


def read(tokens: list[Token], at: int, text: str) -> tuple[str, int] | None:
    """The formula that starts at a token, and the token behind it; None where there is none."""
    return read_with(tokens, at, text, words=True) or read_with(tokens, at, text, words=False)


def read_with(tokens: list[Token], at: int, text: str, words: bool) -> tuple[str, int] | None:
    """The same with or without words among the operands. A formula with words ends where its clause does."""
    reader = Reader(tokens, at, words)
    try:
        found = reader.relation()
    except NoFormulaError:
        return None
    first, last, behind = tokens[at], tokens[reader.at - 1], tokens[reader.at]
    before, after = text[: first.start], text[last.end :]
    whole = before.rstrip()[-1:] in {*";:,(.", ""} and behind.text in {*";:,.)", ""}
    if reader.words and not whole:
        return None
    if reader.at == at + 1:  # a letter or a number by itself
        lone = first.kind == "name" and is_symbol(first.text) and first.text not in {*ARTICLES, "b"}  # domains a and b
        stuck = re.search(r"[-'/\w]$", before) or re.match(r"[-'/\w]|\.\d", after)
        if not lone or stuck or BEFORE_A_NUMBER.search(before):
            return None
    elif not reader.signs or re.fullmatch(r"[\d\s-]+", text[first.start : last.end]):
        return None
    return found, reader.at


def tokens_of(text: str) -> list[Token]:
    """The pieces of a text, and three empty ones behind them: a reader looks no further."""
    found = [Token(str(m.lastgroup), m.group(), m.start(), m.end()) for m in TOKEN.finditer(text)]
    return [*found, *[Token("end", "", len(text) + 1, len(text) + 1)] * 3]


def typeset(text: str) -> str:
    """Prose as HTML: formulas as MathML, names in code font, references to arXiv as links.

    A formula that opens the text and is followed by a stop stands on a line of its own.
    """
    tokens, out, at, written = tokens_of(text), "", 0, 0
    while tokens[at].kind != "end":
        here = tokens[at]
        within = at > 0 and here.kind == "name" and tokens[at - 1].end == here.start and tokens[at - 1].text in "':."
        formula = None if within else read(tokens, at, text)
        if formula:
            found, behind = formula
            stop = tokens[behind].text in (";", ".", "")
            display = at == 0 and stop and behind > 3
            out += escape(text[written : here.start], quote=False)
            out += f'<math display="{"block" if display else "inline"}"><mrow>{found}</mrow></math>'
            at, written = behind, tokens[behind - 1].end
            if display:
                written = min(len(text), tokens[behind].end)
                at += tokens[behind].kind != "end"
        else:
            if here.kind == "code" or (here.kind == "name" and "_" in here.text):
                code = escape(here.text.strip("`"))
                out += f"{escape(text[written : here.start], quote=False)}<code>{code}</code>"
                written = here.end
            at += 1
    out += escape(text[written:], quote=False)
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', out)
