"""Python functions at random for the differential test: every construct the rewriter has a rule for, often with values that do not
fit. Loops end. Same seed, same text."""

import random

PRELUDE = '''import re
PATTERN = re.compile(r"x>(\\d)<", re.I)
class Box:
    made = 0
    def __init__(self, n=1): self.n, self.items = n, [1, "2", n]
    @property
    def side(self):
        log("side"); self.n += 1
        return self.n
    @side.setter
    def side(self, value): log("set", value)
    def m(self, x=0): return self.n + x
    def __bool__(self): log("bool"); return self.n % 2 == 0
    def __getitem__(self, key): log("get"); return self.items[key]
    def __setitem__(self, key, value): log("put"); self.items[key] = value
    def __delitem__(self, key): log("del"); del self.items[key]
    def __iter__(self): return iter(self.items)
    def __enter__(self): log("enter"); return self
    def __exit__(self, kind, error, place): log("exit"); return kind is ValueError
    def __eq__(self, other): log("eq"); return isinstance(other, int)
    __hash__ = None
    def __repr__(self): return "Box"
    @staticmethod
    def decorate(text): return lambda f: f
def f(x=None, *more, **named): return x if x is not None else len(more) + len(named)
'''
INPUTS = ("(1, None, [1, 2])", "('3', 2.5, {'k': 1})")
NAMES = ["a", "b", "c", "s", "o", "items", "f"]
ASSIGNABLE = ["a", "b", "c", "s"]


class Choices(random.Random):
    def pick(self, items):
        return items[self.randrange(len(items))]


def valid_function(name, choices):
    while True:
        text = FunctionText(choices).text(name)
        try:
            compile(text, "generated", "exec")
            return text
        except SyntaxError:
            continue


class FunctionText:
    def __init__(self, choices):
        self.c, self.counter, self.in_loop, self.kind = choices, 0, 0, "def"

    def name(self, prefix):
        self.counter += 1
        return "%s%d" % (prefix, self.counter)

    def text(self, name):
        is_async = self.c.randrange(4) == 0
        self.kind = "async" if is_async else "def"
        head = "%sdef %s(a, b=None, c=None, *, key=%s):" % ("async " if is_async else "", name, self.literal())
        doc = ['    """doc"""'] if self.c.randrange(3) == 0 else []
        start = ['    s, o, items = "text <x>1</x>", Box(3), [1, "2", a]']
        body = self.block(2, 1)
        return "\n".join([head] + doc + start + body + ["    return a, b, c, s, o.n, len(items), %s" % self.e(2)])

    def block(self, depth, indent, count=3):
        lines = []
        for _ in range(1 + self.c.randrange(count)):
            lines += ["    " * indent + line if not line.startswith("\0") else line[1:] for line in self.statement(depth)]
        return lines

    def body(self, depth, count=2):
        return ["    " + line for line in self.flat(depth, count)]

    def flat(self, depth, count):
        lines = []
        for _ in range(1 + self.c.randrange(count)):
            lines += self.statement(depth)
        return lines

    def statement(self, depth):
        e, pick = self.e, self.c.pick
        simple = [
            lambda: ["%s = %s" % (pick(ASSIGNABLE), e(2))],
            lambda: ["%s %s %s" % (pick(ASSIGNABLE), pick(["+=", "-=", "*=", "|="]), e(2))],
            lambda: ["log(%s)" % e(2)],
            lambda: ["%s = %s" % (self.target(), e(2))],
            lambda: ["%s += %s" % (self.target(), e(1))],
            lambda: ["%s: int = %s" % (self.name("v"), e(2))],
            lambda: ["%s, *%s = %s" % (pick(ASSIGNABLE), self.name("r"), pick(["items", "(a, b)", "s", e(1)]))],
            lambda: ["%s = %s = %s" % (pick(ASSIGNABLE), self.target(), e(1))],
            lambda: ["del %s" % pick(["o[0]", "items[0]", "o.items", "items[%s]" % e(1), "o[-1], items[1:2]"])],
            lambda: ["return %s" % e(2)] if self.c.randrange(3) == 0 else ["if %s: log('if')" % e(2), "else: %s = %s" % (pick(ASSIGNABLE), e(1))],
            lambda: ["raise %s" % pick(["ValueError(%s)" % e(1), "KeyError('k') from ValueError(a)", e(1), "ValueError"])]
            if self.c.randrange(4) == 0
            else ["assert %s, %s" % (e(2), e(1))],
            lambda: [pick(["break", "continue"])] if self.in_loop and self.c.randrange(2) else ["pass"],
            lambda: ["%s = yield %s" % (pick(ASSIGNABLE), e(1))] if self.kind == "gen" else ["log(f(%s))" % e(2)],
            lambda: ["%s = await later(%s)" % (pick(ASSIGNABLE), e(1))] if self.kind == "async" else ["%s" % e(2)],
        ]
        compound = [
            lambda: ["if %s:" % e(2)] + self.body(depth - 1) + ["elif %s:" % e(1)] + self.body(depth - 1, 1) + ["else:"] + self.body(depth - 1),
            lambda: self.loop("for %s in %s:" % (pick([self.name("i"), "a", "(a, *b)", "o.n", "items[0]"]), pick(["range(3)", "items[:3]", "s[:2]", "o", "zip(items, s)", "enumerate([1, 2])", e(1)])), depth),
            lambda: self.while_loop(depth),
            lambda: ["try:"] + self.body(depth - 1) + ["except %s:" % pick(["ValueError", "(TypeError, KeyError)", "Exception as error"])] + self.body(depth - 1, 1) + pick([[], ["else:"] + self.body(depth - 1, 1)]) + pick([[], ["finally:"] + self.body(depth - 1, 1)]),
            lambda: ["try:"] + self.body(depth - 1) + ["except:", "    log('caught')"],
            lambda: ["with %s as %s, Box():" % (pick(["Box(2)", "o", e(1)]), pick(["w", "o.w", "(w, *x)"]))] + self.body(depth - 1),
            lambda: self.inner_function(depth),
            lambda: self.inner_class(depth),
            lambda: self.match(depth),
        ]
        return self.c.pick(compound if depth > 0 and self.c.randrange(5) < 3 else simple)()

    def loop(self, head, depth):
        self.in_loop += 1
        lines = [head] + self.body(depth - 1)
        self.in_loop -= 1
        return lines + (["else:"] + self.body(depth - 1, 1) if self.c.randrange(4) == 0 else [])

    def while_loop(self, depth):
        n = self.name("n")
        first = "if %s > 3: break" % n
        self.in_loop += 1
        body = self.body(depth - 1)
        self.in_loop -= 1
        return ["%s = 0" % n, "while %s:" % self.c.pick(["True", self.e(1)]), "    %s += 1" % n, "    " + first] + body

    def inner_function(self, depth):
        outer = self.kind, self.in_loop
        name = self.name("g")
        self.in_loop = 0
        self.kind = self.c.pick(["def", "gen"] + (["async"] if outer[0] == "async" else []))
        decorator = self.c.pick([[], ["@Box.decorate('x')"]])
        head = "%sdef %s(p=%s, *q, r=%s, **t):" % ("async " if self.kind == "async" else "", name, self.e(1), self.literal())
        scope = self.c.pick([[], ["    nonlocal a, b"], ["    global made", "    made = 1"], ['    """doc %s"""' % name]])
        body = self.body(depth - 1)
        last = ["    yield from [p, %s]" % self.e(1)] if self.kind == "gen" else ["    return p, q"]
        call = {"def": "log(%s(%s, *items, r=1))" % (name, self.e(1)), "gen": "for y in %s(): log(y)" % name, "async": "log(await %s())" % name}[self.kind]
        self.kind, self.in_loop = outer
        return decorator + [head] + scope + body + last + [call]

    def inner_class(self, depth):
        name = self.name("K")
        outer = self.kind
        self.kind = "def"
        lines = [
            "class %s(Box):" % name,
            '    """doc"""',
            "    field = %s" % self.e(1),
            "    names = [x for x in %s]" % self.c.pick(["(1, 2)", "range(2)"]),
            "    def __init__(self):",
            "        super().__init__(%s)" % self.c.pick(["2", "len(self.names)"]),
            "        self.__hidden = %s" % self.c.pick(["1", "[2]"]),
            "    def m(self, x=field): return super().m(2), self.__hidden, __class__.__name__",
            "log(%s().m(), %s.field)" % (name, name),
        ]
        self.kind = outer
        return lines

    def match(self, depth):
        cases = self.c.pick(
            [
                ["case 1 | '2': log('one')", "case [x, *rest] if %s: log(rest)" % self.e(1), "case _: log('other')"],
                ["case {'k': v, **rest}: log(v)", "case Box(n=3) as found: log('box')", "case None: pass", "case str(): log('text')"],
                ["case re.I: log('flag')", "case -1 | 2.5: log('n')", "case (a, b): log('pair')"],
            ]
        )
        return ["match %s:" % self.e(1)] + ["    " + case for case in cases]

    def target(self):
        return self.c.pick(["o.n", "o.side", "o[0]", "items[0]", "items[%s]" % self.e(1), "o.items[1]", "items[1:2]", "o.x"])

    def literal(self):
        return self.c.pick(["0", "1", "2.5", "'x'", "None", "True", "()", "[]", "{}", "-1", "b'y'"])

    def e(self, depth):
        pick = self.c.pick
        if depth <= 0:
            return pick(NAMES + [self.literal(), "o.n", "o.side", "items[0]", "o[1]", "o.none", "s[1:3]", "key"])
        e = lambda: self.e(depth - 1)  # noqa: E731
        forms = [
            lambda: "(%s %s %s)" % (e(), pick(["+", "-", "*", "%", "//", "&", "@"]), e()),
            lambda: "(%s %s %s)" % (e(), pick(["<", "==", "!=", ">=", "is", "is not", "in", "not in"]), e()),
            lambda: "(%s < %s <= %s)" % (e(), e(), e()),
            lambda: "(%s %s %s)" % (e(), pick(["and", "or"]), e()),
            lambda: "(%s if %s else %s)" % (e(), e(), e()),
            lambda: "(%s%s)" % (pick(["not ", "-", "+", "~"]), e()),
            lambda: "f(%s, *%s, k=%s, **%s)" % (e(), pick(["items", "(a,)", "s"]), e(), pick(["{}", "{'z': 1}", "c"])),
            lambda: "o.m(%s)" % e(),
            lambda: "str(%s)" % pick(["a", "b", "s", "o.n"]),
            lambda: 'f"{%s!r:>5}{%s=} {{}}"' % (pick(["a", "s"]), pick(["o.n", "b"])),
            lambda: "(%s := %s)" % (pick(ASSIGNABLE), e()),
            lambda: "[%s, *%s]" % (e(), pick(["items", "s", e()])),
            lambda: "{'k': %s, **%s, a: 1}" % (e(), pick(["{}", "c"])),
            lambda: "len({%s, 1})" % e(),
            lambda: "[x for x in %s if %s]" % (pick(["items", "s", "o", e()]), e()),
            lambda: "[(x, y) for x in items for y in %s if x]" % pick(["s[:2]", "(x, 1)"]),
            lambda: "{x: %s for x in s[:2]}" % e(),
            lambda: "sum(1 for x in %s if x != %s)" % (pick(["items", "o"]), e()),
            lambda: "any((last := x) == %s for x in items)" % e(),
            lambda: "(lambda x, *y, z=%s: (x, %s))(%s)" % (self.literal(), pick(["y", "z", "a"]), e()),
            lambda: "items[%s]" % pick(["0", ":2", "::-1", e(), "%s:" % e()]),
            lambda: pick(["PATTERN.search(s)", "re.match(r'(t)', s)", "re.findall('x', s)", "re.sub('x', 'y', s)", "re.fullmatch('q', str(a))"]),
            lambda: "(await later(%s))" % e() if self.kind == "async" else "(%s, %s)" % (e(), e()),
            lambda: "(yield %s)" % e() if self.kind == "gen" else "sorted(%s, key=lambda v: str(v))" % pick(["items", e()]),
            lambda: "len(locals()) > %s" % self.c.randrange(9),
            lambda: "isinstance(%s, (int, str))" % e(),
        ]
        return self.e(0) if self.c.randrange(8) == 0 else pick(forms)()
