"""Rewrites a Python reward so that it reports every value it computes, without changing what it does.

The tree of the source is changed, not its text, so lines and columns stay what they are. A value is passed through a call of the
recorder: `x + y` becomes `_iadr1_v(7, x + y)`. Callees, targets, patterns of `match`, decorators, annotations and the inside of
f-strings are left alone; nothing is evaluated twice, left out or moved. Code outside of functions runs once, when the file is loaded,
and is not watched. Standard library only, Python 3.9 or newer. The same for TypeScript is server/src/rewards/live.

Run as a program it reads `{"source": ..., "file": ...}` and prints `{"sites": [...]}`, or `{"error": ..., "line": ...}`.
"""

import ast
import itertools
import math
import re
import sys
import types
import warnings

MAX_VALUES = 4096
MAX_MISSED = 256
MAX_MISSED_LENGTH = 20_000
MAX_MISSED_TOTAL = 1_000_000
MAX_TRACE = 5_000
MAX_TEXT = 200
MAX_ITEMS = 20

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
TRY_STAR = getattr(ast, "TryStar", ())
MATCH = getattr(ast, "Match", ())


def instrument(source, file):
    """Compiled code, the sites, the recorder, and the names the code needs in its module.

    Raises SyntaxError as `compile` does.
    """
    tree, sites = rewrite(source, file)
    with warnings.catch_warnings():
        # `x is 1` warns when the plain source is compiled; once is enough.
        warnings.simplefilter("ignore")
        code = compile(tree, file, "exec", dont_inherit=True)
    recorder = Recorder(sites, file)
    return code, sites, recorder, recorder.names()


def rewrite(source, file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A byte order mark may stand at the start of a file, but not of a text.
        tree = ast.parse(source[1:] if source.startswith("\ufeff") else source, file)
    rewriter = Rewriter(Offsets(source), Patterns(tree))
    rewriter.module(tree)
    return tree, rewriter.sites


class Offsets:
    """From Python's places (1-based line, 0-based UTF-8 byte) to 0-based UTF-16 offsets into the source."""

    def __init__(self, source):
        self.lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", source)
        self.starts = []
        offset = 0
        for line in self.lines:
            self.starts.append(offset)
            offset += utf16_length(line)
        # A byte order mark is no part of Python's first line.
        self.bom = source.startswith("\ufeff")

    def at(self, line, column):
        text = self.lines[line - 1]
        start = self.starts[line - 1]
        if line == 1 and self.bom:
            start += 1
            text = text[1:]
        if text.isascii():
            return start + column
        return start + utf16_length(text.encode("utf-8")[:column].decode("utf-8", "replace"))

    def handler(self, node):
        """Of an `except`: up to its colon."""
        start = self.at(node.lineno, node.col_offset)
        last = node if node.type is None else node.type
        line, column = (node.lineno, node.col_offset + len("except")) if node.type is None else (last.end_lineno, last.end_col_offset)
        rest = self.lines[line - 1].encode("utf-8")[column:].decode("utf-8", "replace")
        found = re.match(r"\*?\s*\)?\s*(?:as\s+\w+)?\s*:", rest)
        return start, self.at(line, column) + (found.end() if found else 0)

    def span(self, node):
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)


def utf16_length(text):
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- patterns ---------------------------------------------------------------------------------------------------------

MATCHERS = {"search": "search", "match": "start", "fullmatch": "full", "findall": "search"}
FLAGS = {"I": "i", "IGNORECASE": "i", "M": "m", "MULTILINE": "m", "S": "s", "DOTALL": "s", "X": "x", "VERBOSE": "x"}
FLAGS.update({"A": "a", "ASCII": "a", "U": "", "UNICODE": "", "L": "l", "LOCALE": "l"})


class Patterns:
    """Which calls match a regular expression: `re.search(...)`, and methods of constants made with `re.compile("...")`."""

    def __init__(self, tree):
        self.modules, self.functions, self.constants = set(), {}, {}
        # Names of all imported modules: `math.pi` is no news.
        self.imported = set()
        bound = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    self.imported.add(name.asname or name.name.split(".")[0])
                    if name.name in ("re", "regex"):
                        self.modules.add(name.asname or name.name)
            elif isinstance(node, ast.ImportFrom) and node.module in ("re", "regex"):
                for name in node.names:
                    self.functions[name.asname or name.name] = name.name
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound[node.id] = bound.get(node.id, 0) + 1
            elif isinstance(node, ast.arg):
                bound[node.arg] = bound.get(node.arg, 0) + 1
        self.texts = {}
        self.reach(tree.body, {})
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if bound[name] == 1 and isinstance(node.value, ast.Call) and self.function(node.value) == "compile":
                    literal = self.literal(node.value)
                    if literal is not None:
                        self.constants[name] = literal

    def reach(self, statements, known):
        """Notes for each name that is read which text constant it holds there, where every way to it gives the same one."""
        for statement in statements:
            bodies = [getattr(statement, part) for part in ("body", "orelse", "finalbody") if getattr(statement, part, None)]
            bodies += [handler.body for handler in getattr(statement, "handlers", [])]
            bodies += [case.body for case in getattr(statement, "cases", [])]
            inner = {id(one) for body in bodies for one in body}
            waiting = [child for child in ast.iter_child_nodes(statement) if id(child) not in inner]
            assigned = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
            while waiting:
                node = waiting.pop()
                if isinstance(node, ast.Name) and node.id in known and not isinstance(statement, (ast.While, ast.For)):
                    self.texts[node] = known[node.id]
                waiting += [child for child in ast.iter_child_nodes(node) if id(child) not in inner]
            if bodies:
                is_scope = isinstance(statement, FUNCTIONS + (ast.ClassDef,))
                # In a loop a name may hold what a later turn gave it.
                start = {name: text for name, text in known.items() if is_scope or name not in assigned}
                if is_scope:
                    start = {name: text for name, text in start.items() if name not in assigned}
                elif isinstance(statement, ast.If):
                    start = dict(known)
                for body in bodies:
                    self.reach(body, dict(start))
            for name in assigned:
                known.pop(name, None)
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
                if isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
                    known[statement.targets[0].id] = statement.value

    def text(self, node):
        """The text constant that an expression is, or holds; None when that is not known."""
        node = self.texts.get(node, node)
        return node if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def function(self, call):
        """Name of the function of module `re` that is called, or None."""
        func = call.func
        if isinstance(func, ast.Name):
            return self.functions.get(func.id)
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in self.modules:
            return func.attr
        return None

    def literal(self, call):
        """(node of the text, text, flags) of a call with the pattern as its first argument, or None."""
        constant = self.text(call.args[0]) if call.args else None
        if constant is None:
            return None
        position = {"compile": 1, "split": 3, "sub": 4, "subn": 4}.get(self.function(call), 2)
        given = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
        given += call.args[position : position + 1]
        flags = self.flags(given[0]) if given else ""
        return None if flags is None else (constant, constant.value, flags)

    def flags(self, node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Add)):
            left, right = self.flags(node.left), self.flags(node.right)
            return None if left is None or right is None else left + right
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
        if name in FLAGS:
            return FLAGS[name]
        return "" if isinstance(node, ast.Constant) and node.value == 0 else None

    def use(self, call):
        """(function, literal or None, index of the subject among the arguments or None), for any use of a pattern; else None."""
        function = self.function(call)
        if function is not None and function not in ("escape", "purge", "compile"):
            return function, self.literal(call), (2 if function in ("sub", "subn") else 1)
        func = call.func
        if isinstance(func, ast.Attribute):
            owner = func.value
            literal = self.constants.get(owner.id) if isinstance(owner, ast.Name) else None
            if isinstance(owner, ast.Call) and self.function(owner) == "compile":
                literal = self.literal(owner)
            if literal is not None:
                return func.attr, literal, (1 if func.attr in ("sub", "subn") else 0)
        return None


def describe_pattern(offsets, literal, function):
    node, text, flags = literal
    start, end = offsets.span(node)
    flags = "".join(sorted(set(flags)))
    return {"pattern": text, "flags": flags, "start": start, "end": end, "anchor": MATCHERS.get(function, "search")}


# --- loops over the completions ---------------------------------------------------------------------------------------

NO_COLUMNS = {"self", "cls", "trainer_state", "log_extra", "log_metric", "environments"}


class RowLoops:
    """Which loops of a batch function have one turn for each completion.

    Lists of rows are the arguments of a function that has one called `completions` (those with a default other than None and
    the trainer's own left out), `kwargs["column"]`, and variables made of such a list one for one (`[... for c in completions]`).
    `zip`, `enumerate`, `list`, `tuple`, `tqdm` and `range(len(...))` of them go over rows. Loops inside such a loop do not count.
    """

    def __init__(self, function):
        self.lists, self.kwargs, self.found = set(), None, {}
        spec = function.args
        positional = spec.posonlyargs + spec.args
        defaults = [None] * (len(positional) - len(spec.defaults)) + list(spec.defaults)
        pairs = list(zip(positional, defaults)) + list(zip(spec.kwonlyargs, spec.kw_defaults))
        if not any(arg.arg == "completions" for arg, _ in pairs):
            return
        for arg, default in pairs:
            plain = default is None or (isinstance(default, ast.Constant) and default.value is None)
            if plain and arg.arg not in NO_COLUMNS:
                self.lists.add(arg.arg)
        self.kwargs = spec.kwarg.arg if spec.kwarg else None
        # A lambda's body is an expression.
        for statement in function.body if isinstance(function.body, list) else [function.body]:
            self.visit(statement)

    def visit(self, node):
        if isinstance(node, ast.For) and self.is_rows(node.iter):
            self.found[node] = True
            for statement in node.orelse:
                self.visit(statement)
            return
        if isinstance(node, COMPREHENSIONS) and self.is_rows(node.generators[0].iter) and not node.generators[0].is_async:
            self.found[node] = True
            return
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if self.is_rows(node.value):
                self.lists.add(node.targets[0].id)

    def is_rows(self, node):
        if isinstance(node, ast.Name):
            return node.id in self.lists
        if isinstance(node, ast.Subscript):
            key = node.slice
            return isinstance(node.value, ast.Name) and node.value.id == self.kwargs and isinstance(key, ast.Constant)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            first = node.generators[0]
            return len(node.generators) == 1 and not first.ifs and self.is_rows(first.iter)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            name, args = node.func.id, node.args
            if name == "zip":
                return any(self.is_rows(arg) for arg in args)
            if name in ("list", "tuple", "enumerate", "tqdm"):
                return self.is_rows(args[0])
            if name == "range" and len(args) == 1 and isinstance(args[0], ast.Call):
                inner = args[0]
                return isinstance(inner.func, ast.Name) and inner.func.id == "len" and self.is_rows(inner.args[0])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            owner = node.func.value
            return isinstance(owner, ast.Name) and owner.id == self.kwargs and isinstance(node.args[0], ast.Constant)
        return False


# --- the rewriter -----------------------------------------------------------------------------------------------------


class Rewriter:
    """How much of an expression is of interest: `parts` (not itself), `value` (unless it stands in the text), `operand` (plain
    names too), `condition` and `return` (whatever it is)."""

    def __init__(self, offsets, patterns):
        self.offsets, self.patterns = offsets, patterns
        self.sites, self.functions, self.row_loops, self.loops = [], [], {}, 0
        # What must be true or false for the current node to be reached.
        self.guards = []

    def module(self, tree):
        tree.body = self.statements(tree.body)

    # --- statements ---

    def statements(self, body):
        changed, outside = [], self.guards
        for node in body:
            changed += self.statement(node)
        self.guards = outside
        return changed

    def under(self, site, truth, visit, node):
        outside = self.guards
        self.guard(site, truth)
        changed = visit(node)
        self.guards = outside
        return changed

    def guard(self, site, truth):
        if site is not None:
            self.guards = [*self.guards, (site, truth)]

    def decider(self, node, interest):
        """An expression that decides what is reached: the new one, and its site or None when it is not watched."""
        site, span = len(self.sites), self.offsets.span(node)
        changed = self.expression(node, interest)
        found = self.sites[site] if site < len(self.sites) else None
        return changed, site if found is not None and (found["start"], found["end"]) == span else None

    def function(self, name, visit, node):
        """The inside of a function, which may be called from anywhere."""
        outside, self.guards = self.guards, []
        self.functions.append(name)
        changed = visit(node)
        self.functions.pop()
        self.guards = outside
        return changed

    def statement(self, node):
        if isinstance(node, FUNCTIONS):
            self.defaults(node.args)
            self.row_loops.update(RowLoops(node).found)
            body = self.after_docstring(node.body)
            node.body = node.body[: len(node.body) - len(body)] + self.function(node.name, self.statements, body)
            if isinstance(node, ast.AsyncFunctionDef):
                at = 1 if self.has_docstring(node.body) else 0
                node.body.insert(at, self.plain_call("_iadr1_o", node.body[at]))
        elif isinstance(node, ast.ClassDef):
            node.body = self.statements(node.body)
        elif isinstance(node, ast.Return):
            if node.value is None:
                return self.reached(node) + [node]
            node.value = self.expression(node.value, "return")
        elif isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
            return self.reached(node) + [node]
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Constant):
                node.value = self.expression(node.value, "value")
        elif isinstance(node, ast.Assign):
            node.value = self.expression(node.value, "value")
            node.targets = [self.target(target) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                node.value = self.expression(node.value, "value")
            node.target = self.target(node.target)
        elif isinstance(node, ast.AugAssign):
            node.target = self.target(node.target)
            node.value = self.expression(node.value, "operand")
        elif isinstance(node, ast.Delete):
            node.targets = [self.target(target) for target in node.targets]
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            node.target = self.target(node.target)
            is_rows = self.row_loops.get(node, False)
            node.iter = self.expression(node.iter, "value")
            if is_rows:
                node.iter = self.over_rows(node.iter)
            node.body, node.orelse = self.statements(node.body), self.statements(node.orelse)
        elif isinstance(node, ast.While):
            node.test, site = self.decider(node.test, "condition")
            node.body, node.orelse = self.under(site, True, self.statements, node.body), self.statements(node.orelse)
        elif isinstance(node, ast.If):
            node.test, site = self.decider(node.test, "condition")
            leaving = [leaves(node.body), leaves(node.orelse)]
            node.body = self.under(site, True, self.statements, node.body)
            node.orelse = self.under(site, False, self.statements, node.orelse)
            # What follows is only reached where the branch that leaves was not taken.
            if any(leaving):
                self.guard(site, not leaving[0])
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                item.context_expr = self.expression(item.context_expr, "value")
                if item.optional_vars is not None:
                    item.optional_vars = self.target(item.optional_vars)
            node.body = self.statements(node.body)
        elif isinstance(node, ast.Try) or (TRY_STAR and isinstance(node, TRY_STAR)):
            node.body = self.statements(node.body)
            for handler in node.handlers:
                self.handler(handler)
            node.orelse, node.finalbody = self.statements(node.orelse), self.statements(node.finalbody)
        elif isinstance(node, ast.Raise):
            if node.exc is not None:
                node.exc = self.expression(node.exc, "value")
            if node.cause is not None:
                node.cause = self.expression(node.cause, "value")
        elif isinstance(node, ast.Assert):
            node.test = self.expression(node.test, "condition")
            if node.msg is not None:
                node.msg = self.expression(node.msg, "value")
        elif MATCH and isinstance(node, MATCH):
            node.subject = self.expression(node.subject, "operand")
            for case in node.cases:
                # Patterns look like expressions and are none.
                site = None
                if case.guard is not None:
                    case.guard, site = self.decider(case.guard, "condition")
                case.body = self.under(site, True, self.statements, case.body)
        return [node]

    def has_docstring(self, body):
        first = body[0]
        return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)

    def after_docstring(self, body):
        return body[1:] if self.has_docstring(body) else body

    def defaults(self, spec):
        spec.defaults = [self.expression(one, "value") for one in spec.defaults]
        spec.kw_defaults = [None if one is None else self.expression(one, "value") for one in spec.kw_defaults]

    def handler(self, node):
        if self.functions:
            site = self.add("catch", *self.offsets.handler(node))
            node.body = [self.plain_call("_iadr1_e", node.body[0], site)] + self.statements(node.body)
        else:
            node.body = self.statements(node.body)

    def reached(self, node):
        if not self.functions:
            return []
        return [self.plain_call("_iadr1_r", node, self.add("statement", *self.offsets.span(node)))]

    def target(self, node):
        if isinstance(node, ast.Attribute):
            node.value = self.receiver(node.value)
        elif isinstance(node, ast.Subscript):
            node.value = self.receiver(node.value)
            node.slice = self.index(node.slice)
        elif isinstance(node, ast.Starred):
            node.value = self.target(node.value)
        elif isinstance(node, (ast.Tuple, ast.List)):
            node.elts = [self.target(one) for one in node.elts]
        return node

    # --- expressions ---

    def expression(self, node, interest):
        always = interest in ("condition", "return")
        wanted = interest != "parts"
        kind = interest if always else "expression"
        if isinstance(node, ast.Call):
            return self.call(node, interest)
        if isinstance(node, ast.Name):
            return self.wrap(node, kind if always or interest == "operand" else None)
        if isinstance(node, ast.Constant):
            return self.wrap(node, kind if always else None)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in self.patterns.imported and not always:
                return node
            site = self.reserve(node, kind if wanted else None)
            node.value = self.receiver(node.value)
            return self.finish(node, site)
        if isinstance(node, ast.Subscript):
            site = self.reserve(node, kind if wanted else None)
            node.value = self.receiver(node.value)
            node.slice = self.index(node.slice)
            return self.finish(node, site)
        if isinstance(node, ast.BinOp):
            site = self.reserve(node, kind if wanted else None)
            node.left, node.right = self.expression(node.left, "operand"), self.expression(node.right, "operand")
            return self.finish(node, site)
        if isinstance(node, ast.UnaryOp):
            is_number = isinstance(node.operand, ast.Constant)
            site = self.reserve(node, kind if always or (wanted and not is_number) else None)
            inner = "condition" if isinstance(node.op, ast.Not) and interest == "condition" else "operand"
            node.operand = self.expression(node.operand, inner)
            return self.finish(node, site)
        if isinstance(node, ast.BoolOp):
            site = self.reserve(node, kind if wanted else None)
            # As a condition each operand is asked for its truth once; a value that was asked must not be asked again.
            inner = "condition" if interest == "condition" else "operand"
            outside, values = self.guards, []
            for one in node.values:
                value, decides = self.decider(one, inner)
                values.append(value)
                self.guard(decides, isinstance(node.op, ast.And))
            node.values, self.guards = values, outside
            return self.finish(node, site)
        if isinstance(node, ast.Compare):
            site = self.reserve(node, kind if wanted else None)
            node.left = self.expression(node.left, "operand")
            node.comparators = [self.expression(one, "operand") for one in node.comparators]
            return self.finish(node, site)
        if isinstance(node, ast.IfExp):
            site = self.reserve(node, kind if wanted else None)
            node.test, decides = self.decider(node.test, "condition")
            inner = "condition" if interest == "condition" else "operand"
            node.body = self.under(decides, True, lambda one: self.expression(one, inner), node.body)
            node.orelse = self.under(decides, False, lambda one: self.expression(one, inner), node.orelse)
            return self.finish(node, site)
        if isinstance(node, ast.NamedExpr):
            site = self.reserve(node, kind if always else None)
            node.value = self.expression(node.value, "value")
            return self.finish(node, site)
        if isinstance(node, ast.JoinedStr):
            # Before Python 3.12 the places inside of f-strings are wrong; its value is seen as a whole.
            return self.wrap(node, kind if wanted else None)
        if isinstance(node, ast.Lambda):
            self.defaults(node.args)
            if not self.functions:
                self.row_loops.update(RowLoops(node).found)
            name = self.functions[-1] if self.functions else "<lambda>"
            node.body = self.function(name, lambda one: self.expression(one, "return"), node.body)
            return self.wrap(node, kind if always else None)
        if isinstance(node, ast.Await):
            site = self.reserve(node, kind if wanted else None)
            node.value = self.expression(node.value, "parts")
            return self.finish(node, site)
        if isinstance(node, ast.Yield):
            site = self.reserve(node, kind if wanted else None)
            if node.value is not None:
                node.value = self.expression(node.value, "operand")
            return self.finish(node, site)
        if isinstance(node, ast.YieldFrom):
            site = self.reserve(node, kind if wanted else None)
            node.value = self.expression(node.value, "value")
            return self.finish(node, site)
        if isinstance(node, ast.Starred):
            node.value = self.expression(node.value, "value")
            return node
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            site = self.reserve(node, kind if always else None)
            node.elts = [self.expression(one, "value") for one in node.elts]
            return self.finish(node, site)
        if isinstance(node, ast.Dict):
            site = self.reserve(node, kind if always else None)
            node.keys = [None if one is None else self.expression(one, "value") for one in node.keys]
            node.values = [self.expression(one, "value") for one in node.values]
            return self.finish(node, site)
        if isinstance(node, COMPREHENSIONS):
            return self.comprehension(node, kind if always or (wanted and not isinstance(node, ast.GeneratorExp)) else None)
        return node

    def comprehension(self, node, kind):
        is_rows, outside = self.row_loops.get(node, False), self.guards
        site = self.reserve(node, kind)
        for i, generator in enumerate(node.generators):
            generator.target = self.target(generator.target)
            generator.iter = self.expression(generator.iter, "value")
            if i == 0 and is_rows:
                generator.iter = self.over_rows(generator.iter)
            for j, one in enumerate(generator.ifs):
                generator.ifs[j], decides = self.decider(one, "condition")
                self.guard(decides, True)
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.expression(node.key, "value"), self.expression(node.value, "value")
        else:
            node.elt = self.expression(node.elt, "value")
        self.guards = outside
        return self.finish(node, site)

    def call(self, node, interest):
        always = interest in ("condition", "return")
        use = self.patterns.use(node)
        if use is not None and use[0] in MATCHERS and interest != "parts" and self.functions:
            function, literal, at = use
            regex = None if literal is None else describe_pattern(self.offsets, literal, function)
            site = self.reserve(node, "regex", regex)
            self.parts_of_call(node, at)
            if at < len(node.args) and not isinstance(node.args[at], ast.Starred):
                node.args[at] = self.call_of("_iadr1_s", node.args[at], site, node.args[at])
            return self.finish(node, site, "_iadr1_mc" if interest == "condition" else "_iadr1_m")
        site = self.reserve(node, None if interest == "parts" else interest if always else "call")
        self.parts_of_call(node)
        return self.finish(node, site)

    def parts_of_call(self, node, subject=0):
        """What stands in front of the subject of a match is the pattern, which the site itself shows."""
        node.func = self.callee(node.func)
        node.args = [self.expression(one, "value" if i >= subject else "parts") for i, one in enumerate(node.args)]
        for keyword in node.keywords:
            keyword.value = self.expression(keyword.value, "value")

    def callee(self, node):
        if isinstance(node, ast.Name):
            return node
        if isinstance(node, ast.Attribute):
            # `a.b.strip()`: the receiver is worth a look; a plain name is not.
            node.value = self.expression(node.value, "value")
            return node
        return self.expression(node, "value")

    def receiver(self, node):
        """What a member is taken from: a chain of members is seen as a whole."""
        return self.expression(node, "parts" if isinstance(node, (ast.Attribute, ast.Subscript)) else "value")

    def index(self, node):
        if isinstance(node, ast.Slice):
            for part in ("lower", "upper", "step"):
                if getattr(node, part) is not None:
                    setattr(node, part, self.expression(getattr(node, part), "value"))
            return node
        if isinstance(node, ast.Tuple):
            node.elts = [self.index(one) for one in node.elts]
            return node
        return self.expression(node, "operand")

    # --- what is inserted ---

    def wrap(self, node, kind):
        return self.finish(node, self.reserve(node, kind))

    def reserve(self, node, kind, regex=None):
        """The site of a node, numbered before those of its parts; None when it is not watched."""
        if kind is None or not self.functions:
            return None
        return self.add(kind, *self.offsets.span(node), regex)

    def add(self, kind, start, end, regex=None):
        site = {"id": len(self.sites), "kind": kind, "start": start, "end": end, "function": self.functions[-1]}
        if regex is not None:
            site["regex"] = regex
        if self.guards:
            site["guards"] = self.guards
        self.sites.append(site)
        return site["id"]

    def finish(self, node, site, hook=None):
        if site is None:
            return node
        if isinstance(node, ast.Await):
            return self.call_of("_iadr1_a", node, site, self.call_of("_iadr1_w", node), node)
        if hook is None:
            hook = "_iadr1_c" if self.sites[site]["kind"] == "condition" else "_iadr1_v"
        return self.call_of(hook, node, site, node)

    def over_rows(self, node):
        return self.call_of("_iadr1_i", node, node)

    def plain_call(self, hook, place, *args):
        return self.placed(ast.Expr(value=self.call_of(hook, place, *args)), place)

    def call_of(self, hook, place, *args):
        nodes = [one if isinstance(one, ast.AST) else self.placed(ast.Constant(value=one), place) for one in args]
        func = self.placed(ast.Name(id=hook, ctx=ast.Load()), place)
        return self.placed(ast.Call(func=func, args=nodes, keywords=[]), place)

    def placed(self, node, place):
        node.lineno, node.col_offset = place.lineno, place.col_offset
        node.end_lineno, node.end_col_offset = place.end_lineno, place.end_col_offset
        return node


def leaves(body):
    """Whether what stands behind statements is never reached from them."""
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return leaves(last.body) and leaves(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise, ast.Break, ast.Continue))


# --- the recorder -----------------------------------------------------------------------------------------------------

# Nothing can change these; they are described only when the recording is asked for.
IMMUTABLE = {str, int, float, bool, type(None), bytes, complex, range, re.Match, re.Pattern, types.FunctionType, type}


class Frozen:
    """The first items of a collection as it was, where nothing can change them; described when the recording is asked for."""

    __slots__ = ("kind", "items", "length")

    def __init__(self, kind, items, length):
        self.kind, self.items, self.length = kind, items, length


def frozen(value):
    """A collection of immutable values as `Frozen`; of anything else its preview, at once."""
    kind = type(value)
    if kind is list or kind is tuple:
        items = value[: MAX_ITEMS + 1]
    elif kind is set or kind is frozenset:
        items = list(itertools.islice(value, MAX_ITEMS + 1))
    else:
        return preview(value)
    return Frozen(kind, items, len(value)) if IMMUTABLE.issuperset(map(type, items)) else preview(value)


class Recorder:
    """What instrumented code calls. Counts how often each place is reached and keeps the first values.

    The hooks are closures over plain lists: they run for every value that is computed, and an attribute costs as much as the rest.
    """

    def __init__(self, sites, file):
        self.sites, self.file = sites, file
        count = len(sites)
        self.reached = [0] * count
        self.rows = [[] for _ in range(count)]
        self.values = [[] for _ in range(count)]
        self.thrown = [[] for _ in range(count)]
        self.matched = [0] * count
        self.missed = [[] for _ in range(count)]
        self.missed_length = [0] * count
        self.subject = [None] * count
        self.steps, self.cut, self.pinned = [], False, -1
        # What was recorded before the first `reset`.
        self.at_load = None
        self.hooks, self.at, self.watch = self.make_hooks()

    def reset(self, pinned):
        if self.at_load is None:
            self.at_load = self.records()
        self.pinned = -1 if pinned is None else pinned
        for site in range(len(self.sites)):
            self.reached[site] = self.matched[site] = self.missed_length[site] = 0
            self.rows[site], self.values[site], self.thrown[site], self.missed[site] = [], [], [], []
            self.subject[site] = None
        self.steps, self.cut = [], False
        self.watch(self.pinned)

    def names(self):
        return {"_iadr1_" + name: hook for name, hook in self.hooks.items()}

    def result(self):
        records = self.records()
        for record, before in zip(records, self.at_load or []):
            if before["reached"]:
                record["atLoad"] = before
        trace = None if self.pinned < 0 else {"row": self.pinned, "steps": self.steps, "cut": self.cut}
        # Python's own watchdog names the line of a hang, so the last site is not kept.
        return {"records": records, "trace": trace, "lastSite": None}

    def records(self):
        records, known = [], {}

        def shown(value):
            kind = type(value)
            if kind is dict:
                return value
            if kind is not str and kind is not int and kind is not bool:
                return preview(value)
            # The same few texts and numbers come again and again.
            key = (kind, value)
            found = known.get(key)
            if found is None:
                found = known[key] = preview(value)
            return found

        for site in range(len(self.sites)):
            # What was kept was reached too; `reached` counts what was not kept.
            reached = self.reached[site] + len(self.values[site])
            seen = zip(self.rows[site], self.values[site])
            values = [{"row": row, "preview": shown(value)} for row, value in seen]
            record = {"reached": reached, "values": values, "thrown": self.thrown[site]}
            if self.sites[site]["kind"] == "regex":
                record["regex"] = {"matched": self.matched[site], "missed": self.missed[site]}
            records.append(record)
        return records

    def make_hooks(self):
        """The hooks by name; `at(row, batch_start)`; and `watch(row)`, the row whose path is wanted."""
        reached, rows_of, values, limit, immutable = self.reached, self.rows, self.values, MAX_VALUES, IMMUTABLE
        coroutine = types.CoroutineType
        row, batch_start, pinned = -1, -1, -1
        # Coroutines that were made in one row and run later: by the identity of their frame.
        started = {}

        def keep(site, value):
            if type(value) is coroutine and value.cr_frame is not None and row >= 0:
                started[id(value.cr_frame)] = (value.cr_frame, row)
            wanted = row == pinned and row >= 0
            if len(values[site]) < limit:
                # A dict of our own stands for a value that could change: dicts of the reward never get here as such.
                kept = value if type(value) in immutable else frozen(value)
                rows_of[site].append(row)
                values[site].append(kept)
            else:
                reached[site] += 1
                kept = value if type(value) in immutable or not wanted else frozen(value)
            if wanted:
                self.step(site, kept if type(kept) is dict else preview(kept))

        def v(site, value):
            if type(value) in immutable and pinned < 0:
                kept = values[site]
                if len(kept) < limit:
                    kept.append(value)
                    rows_of[site].append(row)
                else:
                    reached[site] += 1
            else:
                keep(site, value)
            return value

        def c(site, value):
            # The statement that asked for the truth gets a plain answer and need not ask again.
            truth = True if value else False
            if type(value) in immutable and pinned < 0:
                kept = values[site]
                if len(kept) < limit:
                    kept.append(value)
                    rows_of[site].append(row)
                else:
                    reached[site] += 1
            else:
                keep(site, value)
            return truth

        def m(site, result):
            if result:
                self.matched[site] += 1
            elif type(self.subject[site]) is str and len(self.missed[site]) < MAX_MISSED:
                text = self.subject[site][:MAX_MISSED_LENGTH]
                self.missed_length[site] += len(text)
                if self.missed_length[site] <= MAX_MISSED_TOTAL:
                    self.missed[site].append({"row": row, "text": text})
            self.subject[site] = None
            return v(site, result)

        def mc(site, result):
            return True if m(site, result) else False

        def s(site, subject):
            self.subject[site] = subject
            return subject

        def r(site):
            kept = values[site]
            if len(kept) < limit:
                kept.append(None)
                rows_of[site].append(row)
            else:
                reached[site] += 1
            if row == pinned and row >= 0:
                self.step(site, None)

        def e(site):
            reached[site] += 1
            error = sys.exc_info()[1]
            message = error_text(error)
            if len(self.thrown[site]) < limit:
                self.thrown[site].append({"row": row, "message": message, "line": self.line_of(error)})
            if row == pinned and row >= 0:
                self.step(site, {"type": type(error).__name__, "text": message, "truthy": True})

        def w():
            return row

        def a(site, before, value):
            nonlocal row
            row = before
            return v(site, value)

        def o():
            nonlocal row
            made = started.pop(id(sys._getframe(1)), None)
            if made is not None:
                row = made[1]

        def i(rows):
            iterator = iter(rows)
            # A row that the worker set, or a loop around this one, comes first.
            return turns(iterator) if row < 0 <= batch_start else iterator

        def turns(iterator):
            nonlocal row
            turn = batch_start
            try:
                for item in iterator:
                    row = turn
                    turn += 1
                    yield item
            finally:
                row = -1

        def at(new_row, new_batch_start):
            nonlocal row, batch_start
            row, batch_start = new_row, new_batch_start

        def watch(new_pinned):
            nonlocal pinned
            pinned = new_pinned
            started.clear()

        hooks = {"v": v, "c": c, "m": m, "mc": mc, "s": s, "r": r, "e": e, "w": w, "a": a, "o": o, "i": i}
        return hooks, at, watch

    def step(self, site, shown):
        if len(self.steps) < MAX_TRACE:
            self.steps.append({"site": site, "preview": shown})
        else:
            self.cut = True

    def line_of(self, error):
        line, place = 0, error.__traceback__
        while place is not None:
            if place.tb_frame.f_code.co_filename == self.file:
                line = place.tb_lineno
            place = place.tb_next
        return line


# --- previews: no code of the value is run ----------------------------------------------------------------------------


def preview(value):
    if type(value) is Frozen:
        shown = describe_items(value.kind, value.items, value.length, 0)
        return {"type": value.kind.__name__, "text": cut(shown), "truthy": value.length > 0, "length": value.length}
    kind = type(value)
    shown = {"type": kind.__name__, "text": cut(describe(value, 0)), "truthy": truth_of(value)}
    if kind is int or kind is float:
        if kind is int and abs(value) >= 1 << 1000:
            pass
        elif math.isfinite(value):
            shown["number"] = value if kind is float or abs(value) <= 1 << 53 else float(value)
    elif isinstance(value, float) and math.isfinite(float.__float__(value)):
        shown["number"] = float.__float__(value)
    if kind in (str, bytes, list, tuple, dict, set, frozenset, range):
        shown["length"] = len(value)
    return shown


def truth_of(value):
    """Of what Python itself knows; `__bool__` and `__len__` of other classes are not asked."""
    if isinstance(value, (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, range, type(None))):
        kind = type(value)
        if kind.__module__ == "builtins":
            return bool(value)
    return True


def cut(text, limit=MAX_TEXT):
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe(value, depth):
    kind = type(value)
    if kind is str or kind is bytes:
        return repr(value if len(value) <= MAX_TEXT else value[:MAX_TEXT])
    if kind is int:
        return repr(value) if abs(value) < 1 << 1000 else "int of %d bits" % value.bit_length()
    if kind in (float, bool, complex, range, type(None), type(Ellipsis)):
        return repr(value)
    if kind is re.Match:
        return "match " + describe(value.group(0), depth + 1)
    if kind is re.Pattern:
        return "re.compile(" + describe(value.pattern, depth + 1) + ")"
    if kind in (list, tuple, set, frozenset):
        return describe_items(kind, value, len(value), depth)
    if kind is dict:
        return describe_dict(value, depth)
    if kind in (types.FunctionType, types.BuiltinFunctionType) or isinstance(value, type):
        name = type.__dict__["__name__"].__get__(value) if isinstance(value, type) else value.__name__
        return ("class " if isinstance(value, type) else "function ") + name
    if isinstance(value, BaseException):
        return error_text(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, str):
        return repr(str.__str__(value)[:MAX_TEXT])
    return "%s object" % kind.__name__


def describe_items(kind, items, length, depth):
    left, right = {list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset({", "})")}[kind]
    if depth >= 2:
        return "%s%d items%s" % (left, length, right)
    parts, size = [], 0
    for item in items:
        if len(parts) == MAX_ITEMS or size > MAX_TEXT:
            parts.append("…")
            break
        parts.append(describe(item, depth + 1))
        size += len(parts[-1]) + 2
    return left + ", ".join(parts) + ("," if kind is tuple and len(parts) == 1 else "") + right


def describe_dict(value, depth):
    if depth >= 2:
        return "{%d items}" % len(value)
    parts, size = [], 0
    for key, item in value.items():
        if len(parts) == MAX_ITEMS or size > MAX_TEXT:
            parts.append("…")
            break
        parts.append(describe(key, depth + 1) + ": " + describe(item, depth + 1))
        size += len(parts[-1]) + 2
    return "{" + ", ".join(parts) + "}"


def error_text(error):
    """As Python prints it, unless the class has its own way of printing, which is not run."""
    kind = type(error)
    own = kind.__str__ not in (BaseException.__str__, KeyError.__str__, OSError.__str__) and kind.__module__ != "builtins"
    if own and kind.__module__ not in ("json.decoder", "re", "re._constants", "sre_constants"):
        text = ", ".join(describe(one, 1) for one in error.args)
    else:
        text = str(error)
    return cut("%s: %s" % (kind.__name__, text) if text else kind.__name__)


def main():
    import json

    given = json.load(sys.stdin)
    try:
        answer = {"sites": rewrite(given["source"], given["file"])[1]}
    except SyntaxError as error:
        answer = {"error": str(error.msg), "line": error.lineno}
    except ValueError as error:
        answer = {"error": str(error), "line": 1}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
