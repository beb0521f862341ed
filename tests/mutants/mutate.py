#!/usr/bin/env python3
"""Make mutants of C sources: every condition deleted and inverted, every bound moved by one, every flush, barrier and
wait left out. All go into one rewritten source, chosen at run time (mutant.h).

mutate(sources, out_folder) returns the list of mutants; rewritten sources lie under out_folder.
"""
import os
import re

TOKEN = re.compile(r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/) |
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') |
    (?P<word>[A-Za-z_]\w*) |
    (?P<number>\d[\w.]*) |
    (?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
""", re.X | re.S)

# What makes something visible elsewhere, or waits until it is.
EFFECT = re.compile(r"^(port_wmb|port_mb|port_cache_flush)$|invalidate|flush|drain|batch|command|settle|_wait|await|sync")
STOP = {"&&", "||", "?", ":", ",", ";", "{", "}", "=", "==", "!=", "return", "case"}
BOUND = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}


class Token:
    __slots__ = ("kind", "text", "line", "pair")

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line, self.pair = kind, text, line, None


def tokenize(text):
    """Tokens with whitespace, comments and preprocessor lines kept as 'space'."""
    tokens, at, line = [], 0, 1
    while at < len(text):
        if text[at] == "#" and (at == 0 or text[:at].rstrip(" \t").endswith("\n")):
            end = at
            while True:
                end = text.find("\n", end)
                if end < 0:
                    end = len(text)
                    break
                if text[end - 1] != "\\":
                    break
                end += 1
            tokens.append(Token("space", text[at:end], line))
        else:
            m = TOKEN.match(text, at)
            tokens.append(Token(m.lastgroup, m.group(), line))
            end = m.end()
        line += text.count("\n", at, end)
        at = end
    stack = []
    for i, t in enumerate(tokens):
        if t.kind == "op" and t.text in "([{":
            stack.append(i)
        elif t.kind == "op" and t.text in ")]}":
            j = stack.pop()
            tokens[j].pair, t.pair = i, j
    return tokens


class Source:
    def __init__(self, path):
        self.path = path
        self.tokens = tokenize(open(path).read())
        self.code = [i for i, t in enumerate(self.tokens) if t.kind != "space"]
        self.place = {i: k for k, i in enumerate(self.code)}
        self.before, self.after = {}, {}  # text to put around tokens
        self.bodies = list(self.find_bodies())

    def text(self, i):
        return self.tokens[i].text

    def step(self, i, by):
        k = self.place[i] + by
        return self.code[k] if 0 <= k < len(self.code) else None

    def find_bodies(self):
        """Functions: name, and the token range of the body."""
        i = 0
        while i is not None and i < len(self.tokens):
            t = self.tokens[i]
            if t.kind == "op" and t.text == "{":
                p = self.step(i, -1)
                if p is not None and self.text(p) == ")":
                    yield self.text(self.step(self.tokens[p].pair, -1)), i, t.pair
                i = t.pair
            i += 1

    def span(self, a, b):
        return " ".join("".join(t.text for t in self.tokens[a:b + 1] if t.kind != "space" or t.text.isspace()).split())

    def wrap(self, a, b, front, back):
        self.before[a] = self.before.get(a, "") + front
        self.after[b] = back + self.after.get(b, "")

    def emit(self):
        out = []
        for i, t in enumerate(self.tokens):
            out.append(self.before.get(i, "") + t.text + self.after.get(i, ""))
        return "".join(out)


def binary(source, i):
    """Is the & | ^ * at i between two operands?"""
    p = source.tokens[source.step(i, -1)]
    return p.kind in ("word", "number", "string") and p.text != "return" or p.text in (")", "]")


def operand(source, i, by):
    """The far end of the operand next to the comparison at i."""
    j = last = source.step(i, by)
    opening, closing = (")]", "([") if by < 0 else ("([", ")]")
    while j is not None:
        t = source.tokens[j]
        if t.kind == "op" and t.text in opening:
            j = t.pair
        elif t.kind == "op" and t.text in closing:
            break
        elif t.text in STOP or (t.kind == "op" and re.fullmatch(r"[-+*/%&|^]=|<<=|>>=", t.text)) or t.text in BOUND:
            break
        elif t.text in ("&", "|", "^") and binary(source, j):
            break
        last = j
        j = source.step(j, by)
    return last


class Mutants:
    def __init__(self):
        self.list = []
        self.function = ""

    def add(self, source, token, kind, text):
        self.list.append(dict(id=len(self.list), file=source.path, line=source.tokens[token].line,
                              function=self.function, kind=kind, text=text))
        return len(self.list) - 1


def statement_begins(source, i):
    p = source.tokens[source.step(i, -1)]
    return p.text in (";", "{", "}", ")", "else")


def mutate_body(source, mutants, a, b):
    i = source.step(a, 1)
    while i != b:
        t = source.tokens[i]
        nxt = source.step(i, 1)
        if t.text == "_Static_assert":
            i = source.tokens[nxt].pair
        elif t.text == "if" and source.text(nxt) == "(":
            end = source.tokens[nxt].pair
            text = source.span(nxt, end)
            n = mutants.add(source, i, "never", "if " + text)
            mutants.add(source, i, "inverted", "if " + text)
            source.wrap(nxt, end, "(MUTANT_IF(%d, " % n, "))")
        elif t.kind == "op" and t.text in BOUND:
            left, right = operand(source, i, -1), operand(source, i, 1)
            text = source.span(left, right)
            n = mutants.add(source, i, "bound", text)
            l, r = ("".join(x.text for x in source.tokens[p:q]) for p, q in ((left, i), (i + 1, right + 1)))
            source.wrap(left, right, "(mutant_is(%d) ? (%s) %s (%s) : " % (n, l, BOUND[t.text], r), ")")
        elif t.kind == "word" and EFFECT.search(t.text) and source.text(nxt) == "(":
            end = source.tokens[nxt].pair
            p = source.step(i, -1)
            text = source.span(i, end)
            if statement_begins(source, i) and source.text(source.step(end, 1)) == ";":
                n = mutants.add(source, i, "left out", text)
                source.wrap(i, end, "(mutant_is(%d) ? (void)0 : (void)" % n, ")")
            elif source.text(p) in ("=", "return", "(", "?", ":"):
                n = mutants.add(source, i, "left out", text)
                source.wrap(i, end, "(mutant_is(%d) ? 0 : " % n, ")")
        i = source.step(i, 1)


def mutate(paths, out):
    mutants = Mutants()
    for path in paths:
        source = Source(path)
        for mutants.function, a, b in source.bodies:
            mutate_body(source, mutants, a, b)
        target = os.path.join(out, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        text = '#include "tests/mutants/mutant.h"\n#line 1 "%s"\n' % path + source.emit()
        if not os.path.exists(target) or open(target).read() != text:
            open(target, "w").write(text)
    return mutants.list
