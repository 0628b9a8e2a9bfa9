"""What can be said about a Python reward file without running it, as facts: the rules that make findings of them are in
server/src/rewards/static, the same for both languages.

Reads lines `{"source": ...}` until the end of its input and prints for each a line `{"functions": [...], ...}` (see `facts.ts` for the form), or
`{"error": ..., "line": ...}`. All places are 0-based UTF-16 offsets. Standard library only, Python 3.9 or newer.
"""

import ast
import json
import sys

from iadr1_instrument import FUNCTIONS, MATCH, TRY_STAR, Offsets, Patterns, RowLoops, describe_pattern
from iadr1_tag_reads import TagReads

BROAD = {"Exception", "BaseException"}
# What calls and operations usually raise, for narrowing a `try`.
RAISES = {"int": ["ValueError"], "float": ["ValueError"], "loads": ["ValueError"], "index": ["ValueError"], "eval": ["SyntaxError"]}
CLOCKS = {("time", "time"), ("time", "perf_counter"), ("time", "monotonic"), ("time", "time_ns"), ("datetime", "now")}
CLOCKS |= {("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("uuid", "uuid4"), ("uuid", "uuid1")}
CLOCKS |= {("os", "urandom"), ("secrets", "token_hex"), ("secrets", "randbelow"), ("secrets", "choice")}
MUTATORS = {"append", "add", "update", "extend", "insert", "remove", "discard", "pop", "clear", "setdefault", "appendleft"}


def as_function(node, name):
    """A lambda that has a name, as the function that it is."""
    result = ast.copy_location(ast.Return(value=node.body), node.body)
    function = ast.FunctionDef(name=name, args=node.args, body=[result], decorator_list=[], returns=None, type_comment=None)
    function.type_params = []
    return ast.copy_location(function, node)


class Facts:
    def __init__(self, source):
        self.source = source
        self.offsets = Offsets(source)
        tree = ast.parse(source[1:] if source.startswith("\ufeff") else source)
        self.tree = tree
        self.patterns = Patterns(tree)
        self.tag_reads = TagReads(tree, self.offsets, source)
        self.out = {"functions": [], "patterns": [], "values": [], "catches": [], "loops": [], "random": [], "state": []}
        self.owner = {}
        self.aliases = self.module_aliases()
        self.mutable = self.module_state()
        for node in tree.body:
            self.visit(node, None, None)
            if not isinstance(node, FUNCTIONS + (ast.ClassDef,)):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call):
                        self.pattern(call, {"name": ""}, set())

    # --- the module ---

    def module_aliases(self):
        """Local name -> (module, name in it or None)."""
        names = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    names[one.asname or one.name.split(".")[0]] = (one.name, None)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    names[one.asname or one.name] = (node.module, one.name)
        return names

    def module_state(self):
        found = set()
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                value = node.value
                literal = isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp))
                made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
                if literal or (made and value.func.id in ("set", "dict", "list", "defaultdict", "Counter", "deque")):
                    found.add(node.targets[0].id)
        return found

    # --- functions ---

    def visit(self, node, function, owner_class):
        if isinstance(node, FUNCTIONS):
            name = node.name if owner_class is None else owner_class.name
            inner = function if function is not None else self.function(node, name)
            if owner_class is not None and function is None:
                inner["method"] = node.name
            if function is None:
                self.out["functions"].append(inner)
                self.body(node, inner)
            return
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                self.visit(child, function, node)
            return
        if function is None and owner_class is None and isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(node.value, ast.Lambda) and len(targets) == 1 and isinstance(targets[0], ast.Name):
                self.visit(as_function(node.value, targets[0].id), None, None)
                return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.visit(child, function, owner_class)

    def function(self, node, name):
        spec = node.args
        positional = spec.posonlyargs + spec.args
        defaults = len(positional) - len(spec.defaults)
        parameters = []
        for i, arg in enumerate(positional):
            kind = "positional" if arg in spec.posonlyargs else "plain"
            parameters.append(self.parameter(node, arg, kind, i >= defaults))
        for arg, default in zip(spec.kwonlyargs, spec.kw_defaults):
            parameters.append(self.parameter(node, arg, "keyword", default is not None))
        start, end = self.offsets.span(node)
        return {
            "name": name,
            "start": start,
            "end": end,
            "parameters": parameters,
            "kwargs": spec.kwarg.arg if spec.kwarg else None,
            "kwargsAt": self.end_of_parameters(node),
        }

    def parameter(self, node, arg, kind, has_default):
        uses = [self.offsets.span(one) for one in ast.walk(node) if isinstance(one, ast.Name) and one.id == arg.arg]
        start = self.offsets.at(arg.lineno, arg.col_offset)
        return {"name": arg.arg, "kind": kind, "hasDefault": has_default, "start": start, "uses": uses}

    def end_of_parameters(self, node):
        """Where `, **kwargs` goes, and whether a comma stands there already."""
        spec = node.args
        nodes = spec.posonlyargs + spec.args + spec.kwonlyargs + spec.defaults + [one for one in spec.kw_defaults if one]
        nodes += [spec.vararg] if spec.vararg else []
        if not nodes or spec.kwarg:
            return None
        at = max(self.offsets.span(one)[1] for one in nodes)
        for text in ("(", ")", '"', "'"):
            # A default in brackets ends before its bracket: then the place is not sure.
            if self.source_at(at, 1) == text and text != ")":
                return None
        return {"at": at, "text": ", **kwargs"}

    def source_at(self, offset, count):
        # Offsets count UTF-16 units; the text around them is all that is asked for.
        data = self.source.encode("utf-16-le", "surrogatepass")
        return data[2 * offset : 2 * (offset + count)].decode("utf-16-le", "replace")

    # --- what a function holds ---

    def body(self, function, facts):
        rows = RowLoops(function).found
        lowered = self.lowered_names(function)
        lists = self.returned_lists(function)
        seeded = any(self.is_seeding(node) for node in ast.walk(function) if isinstance(node, ast.Call))
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                self.pattern(node, facts, lowered)
                self.random(node, facts, seeded)
                self.mutation(node, facts)
                if self.is_append(node, lists):
                    self.value(node.args[0], facts, "element")
            elif isinstance(node, (ast.Assign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                        self.state(target.value, facts)
            elif isinstance(node, ast.Global):
                start, end = self.offsets.span(node)
                self.out["state"].append({"function": facts["name"], "start": start, "end": end, "names": list(node.names)})
            elif isinstance(node, ast.Try) or (TRY_STAR and isinstance(node, TRY_STAR)):
                for handler in node.handlers:
                    self.handler(node, handler, facts, lists)
            elif isinstance(node, ast.For) and node in rows:
                for name in lists:
                    self.loop(function, node, name, facts)
        for node in self.own_returns(function):
            if node.value is None:
                continue
            value = node.value
            if isinstance(value, ast.List):
                for element in value.elts:
                    self.value(element, facts, "element")
            elif isinstance(value, ast.ListComp):
                self.value(value.elt, facts, "element")
            else:
                self.value(value, facts, "return")
                if self.constant_number(value) is not None:
                    start, end = self.offsets.span(value)
                    self.out["values"].append(
                        {"function": facts["name"], "role": "return", "kind": "number", "start": start, "end": end}
                    )

    def own_returns(self, function):
        waiting, found = list(function.body), []
        while waiting:
            node = waiting.pop(0)
            if isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
                continue
            if isinstance(node, ast.Return):
                found.append(node)
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.excepthandler))]
            waiting += [statement for case in getattr(node, "cases", []) for statement in case.body]
        return found

    def returned_lists(self, function):
        """Names that are returned and start as an empty list."""
        returned = {node.value.id for node in self.own_returns(function) if isinstance(node.value, ast.Name)}
        empty = set()
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            value = getattr(node, "value", None)
            is_empty = isinstance(value, ast.List) and not value.elts
            is_empty = is_empty or (isinstance(value, ast.Call) and getattr(value.func, "id", "") == "list" and not value.args)
            if is_empty:
                empty |= {target.id for target in targets if isinstance(target, ast.Name)}
        return returned & empty

    def is_append(self, call, lists):
        func = call.func
        owner = func.value if isinstance(func, ast.Attribute) and func.attr == "append" else None
        return isinstance(owner, ast.Name) and owner.id in lists and len(call.args) == 1

    def value(self, node, facts, role):
        kinds = self.kinds(node)
        for kind, part in kinds:
            start, end = self.offsets.span(part)
            fact = {"function": facts["name"], "role": role, "kind": kind, "start": start, "end": end}
            if kind == "string" and isinstance(part, ast.Constant):
                fact["text"] = part.value
            self.out["values"].append(fact)

    def kinds(self, node):
        """The parts of a value that are surely texts or truths."""
        if isinstance(node, ast.IfExp):
            return self.kinds(node.body) + self.kinds(node.orelse)
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                return [("boolean", node)]
            return [("string", node)] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return [("string", node)]
        if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            return [("boolean", node)]
        if isinstance(node, ast.BoolOp):
            inner = [self.kinds(one) for one in node.values]
            return [("boolean", node)] if all(one and one[0][0] == "boolean" for one in inner) else []
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("bool", "isinstance", "any", "all", "startswith", "endswith", "isdigit"):
                return [("boolean", node)]
            if name in ("str", "strip", "lower", "upper") and (name != "str" or isinstance(node.func, ast.Name)):
                return [("string", node)]
        return []

    # --- patterns ---

    def lowered_names(self, function):
        names = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                if self.is_lowered(node.value, names):
                    names.add(node.targets[0].id)
        return names

    def is_lowered(self, node, names):
        if isinstance(node, ast.Name):
            return node.id in names
        return any(isinstance(one, ast.Attribute) and one.attr in ("lower", "casefold") for one in ast.walk(node))

    def pattern(self, call, facts, lowered):
        use = self.patterns.use(call)
        is_compile = self.patterns.function(call) == "compile"
        if use is None and not is_compile:
            return
        name, literal, at = use if use is not None else ("compile", self.patterns.literal(call), None)
        if name == "compile" and not is_compile:
            return
        start, end = self.offsets.span(call)
        fact = {"function": facts["name"], "method": name, "start": start, "end": end, "approximate": False, "lowered": False}
        if at is not None and at < len(call.args):
            fact["lowered"] = self.is_lowered(call.args[at], lowered)
        if literal is not None:
            fact["pattern"] = describe_pattern(self.offsets, literal, name)
            fact["literal"] = self.literal_form(literal[0], literal[1])
        else:
            # `f"<{name}>(.*?)</{name}>"`: what is put in stands for one word.
            joined = call.args[0] if call.args and isinstance(call.args[0], ast.JoinedStr) else None
            flags = self.flags_of(call, name)
            if joined is None or flags is None or use is None or self.patterns.function(call) is None:
                return
            text = "".join(one.value if isinstance(one, ast.Constant) else "name" for one in joined.values)
            start, end = self.offsets.span(joined)
            anchor = {"match": "start", "fullmatch": "full"}.get(name, "search")
            fact["pattern"] = {"pattern": text, "flags": flags, "start": start, "end": end, "anchor": anchor}
            fact["approximate"] = True
            fact["literal"] = None
        if self.patterns.function(call) is not None:
            fact["flagsEdit"] = self.flags_edit(call, name)
        if literal is not None and "<" in literal[1] and name in ("search", "match", "fullmatch"):
            fact["tagRead"] = self.tag_read(call, at)
            if fact["tagRead"] is not None:
                self.out.setdefault("tagParser", self.tag_reads.parser())
        self.out["patterns"].append(fact)

    def tag_read(self, call, at):
        """Where the text stands as one argument and nothing says where in it to begin."""
        of_module = self.patterns.function(call) is not None
        if at is None or at >= len(call.args) or any(isinstance(one, ast.Starred) for one in call.args):
            return None
        if not of_module and (len(call.args) > at + 1 or call.keywords):
            return None
        return self.tag_reads.of(call, call.args[at])

    def flags_of(self, call, name):
        position = {"split": 3, "sub": 4, "subn": 4}.get(name, 2)
        given = [keyword.value for keyword in call.keywords if keyword.arg == "flags"] + call.args[position : position + 1]
        flags = self.patterns.flags(given[0]) if given else ""
        return None if flags is None else "".join(sorted(set(flags)))

    def flags_edit(self, call, name):
        """Where a flag can be added, and the text in front of `re.DOTALL` there."""
        module = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else None
        if module is None:
            return None
        position = {"compile": 1, "split": 3, "sub": 4, "subn": 4}.get(name, 2)
        given = [keyword.value for keyword in call.keywords if keyword.arg == "flags"] + call.args[position : position + 1]
        if given:
            return {"at": self.offsets.span(given[0])[1], "before": " | ", "module": module}
        last = max([self.offsets.span(one)[1] for one in call.args + [keyword.value for keyword in call.keywords]])
        return {"at": last, "before": ", flags=", "module": module}

    def literal_form(self, node, text):
        """How offsets into the pattern become offsets into the source: only where the text stands there as it is."""
        start, end = self.offsets.span(node)
        written = self.source_at(start, end - start)
        if written.lower().startswith("r"):
            prefix = 1
            quote = written[1:4] if written[1:4] in ('"""', "\'\'\'") else written[1:2]
        else:
            prefix = 0
            quote = written[0:3] if written[0:3] in ('"""', "\'\'\'") else written[0:1]
        content = written[prefix + len(quote) : len(written) - len(quote)]
        return {"contentStart": start + prefix + len(quote), "raw": prefix == 1} if content == text else None

    # --- exceptions ---

    def handler(self, node, handler, facts, lists):
        start, end = self.offsets.handler(handler)
        names = []
        if handler.type is not None:
            parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            names = [one.id if isinstance(one, ast.Name) else getattr(one, "attr", "?") for one in parts]
        body, constants, is_constant = [], [], True
        for statement in handler.body:
            if isinstance(statement, (ast.Pass, ast.Continue, ast.Break)):
                body.append("pass")
                continue
            value = None
            if isinstance(statement, ast.Return):
                value = statement.value
            elif isinstance(statement, ast.Assign):
                value = statement.value
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                call = statement.value
                if self.is_append(call, lists):
                    value = call.args[0]
                else:
                    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                    if name in ("print", "debug", "info", "warning", "error", "exception", "log", "print_exc"):
                        body.append("log")
                        continue
            number = self.constant_number(value)
            if number is None:
                is_constant = False
            else:
                constants.append({"start": self.offsets.span(value)[0], "end": self.offsets.span(value)[1], "value": number})
        edit = None
        if handler.type is not None:
            edit = list(self.offsets.span(handler.type))
        self.out["catches"].append(
            {
                "function": facts["name"],
                "start": start,
                "end": end,
                "isBroad": handler.type is None or any(name in BROAD for name in names),
                "names": names,
                "isConstant": is_constant,
                "logs": "log" in body,
                "constants": constants,
                "typeSpan": edit,
                "likely": self.likely_exceptions(node.body),
                "tryLines": node.body[-1].end_lineno - node.body[0].lineno + 1,
            }
        )

    def constant_number(self, node):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.constant_number(node.operand)
            return None if inner is None else -inner
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        return None

    def likely_exceptions(self, body):
        found = set()
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    found |= set(RAISES.get(name, []))
                    if name == "group" or (isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)):
                        use = self.patterns.use(node.func.value) if isinstance(getattr(node.func, "value", None), ast.Call) else None
                        if use is not None or name == "group":
                            found.add("AttributeError")
                elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
                    key = node.slice
                    found.add("KeyError" if isinstance(key, ast.Constant) and isinstance(key.value, str) else "IndexError")
                elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv, ast.Mod)):
                    if not isinstance(node.right, ast.Constant):
                        found.add("ZeroDivisionError")
        return sorted(found)

    # --- chance and state ---

    def called(self, call):
        """(module, function) as far as imports tell."""
        func = call.func
        if isinstance(func, ast.Name):
            module, name = self.aliases.get(func.id, (None, None))
            return (module, name) if name else (None, func.id)
        if isinstance(func, ast.Attribute):
            owner = func.value
            if isinstance(owner, ast.Name):
                module, name = self.aliases.get(owner.id, (owner.id, None))
                return ((name or module), func.attr)
            if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name):
                module, _ = self.aliases.get(owner.value.id, (owner.value.id, None))
                return (module + "." + owner.attr, func.attr)
        return (None, None)

    def is_seeding(self, call):
        module, name = self.called(call)
        return name in ("seed", "manual_seed") or (module == "random" and name == "Random") or name in ("default_rng", "RandomState")

    def random(self, call, facts, seeded):
        module, name = self.called(call)
        if name is None:
            return
        what = None
        if module in ("random", "numpy.random") and name[0].islower() and not self.is_seeding(call) and not seeded:
            what = "chance"
        elif module == "torch" and name in ("rand", "randn", "randint", "randperm", "bernoulli") and not seeded:
            what = "chance"
        elif (module, name) in CLOCKS or (module == "datetime.datetime" and name == "now"):
            what = "clock"
        if what is not None:
            start, end = self.offsets.span(call)
            self.out["random"].append({"function": facts["name"], "start": start, "end": end, "what": what})

    def mutation(self, call, facts):
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in MUTATORS and isinstance(func.value, ast.Name):
            self.state(func.value, facts)

    def state(self, name, facts):
        if name.id in self.mutable:
            start, end = self.offsets.span(name)
            self.out["state"].append({"function": facts["name"], "start": start, "end": end, "names": [name.id]})

    # --- loops that fill the list that is returned ---

    def loop(self, function, node, name, facts):
        start, end = self.offsets.span(node.iter)
        flow = self.flow(node.body, name)
        appends = sum(1 for one in ast.walk(function) if isinstance(one, ast.Call) and self.is_append(one, {name}))
        inside = sum(1 for one in ast.walk(node) if isinstance(one, ast.Call) and self.is_append(one, {name}))
        changed = any(
            isinstance(one, ast.AugAssign)
            and isinstance(one.target, ast.Name)
            and one.target.id == name
            or isinstance(one, ast.Attribute)
            and isinstance(one.value, ast.Name)
            and one.value.id == name
            and one.attr in ("extend", "insert", "pop", "remove", "clear")
            for one in ast.walk(function)
        )
        if inside == 0 or inside != appends or changed or flow is None:
            return
        keyword = self.offsets.at(node.lineno, node.col_offset)
        self.out["loops"].append(
            {"function": facts["name"], "list": name, "start": keyword, "end": end, "flow": flow, "iterStart": start}
        )

    def flow(self, body, name):
        nodes = []
        for statement in body:
            one = self.flow_of(statement, name)
            if one is None:
                return None
            nodes.append(one)
        return nodes

    def flow_of(self, statement, name):
        start, end = self.offsets.span(statement)
        place = {"start": start, "end": end}
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and self.is_append(statement.value, {name}):
            return {"kind": "append", **place}
        if isinstance(statement, (ast.Continue, ast.Break, ast.Return, ast.Raise)):
            return {"kind": type(statement).__name__.lower(), **place}
        if isinstance(statement, ast.If):
            branches = []
            last = statement
            texts = []
            while True:
                flow = self.flow(last.body, name)
                if flow is None:
                    return None
                head = self.offsets.span(last.test)
                texts.append(ast.unparse(last.test))
                branches.append({"start": self.offsets.at(last.lineno, last.col_offset), "end": head[1], "body": flow})
                if len(last.orelse) == 1 and isinstance(last.orelse[0], ast.If):
                    last = last.orelse[0]
                    continue
                break
            otherwise = self.flow(last.orelse, name)
            if otherwise is None:
                return None
            indent = "".join(one for one in self.offsets.lines[statement.lineno - 1][: statement.col_offset] if one.isspace())
            return {
                "kind": "if",
                **place,
                "branches": branches,
                "otherwise": otherwise if last.orelse else None,
                "conditions": texts,
                "indent": indent,
                "list": name,
            }
        if isinstance(statement, (ast.With, ast.AsyncWith)):
            flow = self.flow(statement.body, name)
            return None if flow is None else {"kind": "block", **place, "body": flow}
        if isinstance(statement, ast.Try):
            parts = [self.flow(one, name) for one in (statement.body, statement.orelse, statement.finalbody)]
            handlers = [
                {"start": self.offsets.handler(one)[0], "end": self.offsets.handler(one)[1], "body": self.flow(one.body, name)}
                for one in statement.handlers
            ]
            if any(one is None for one in parts) or any(one["body"] is None for one in handlers):
                return None
            return {"kind": "try", **place, "body": parts[0], "orelse": parts[1], "finally": parts[2], "handlers": handlers}
        if MATCH and isinstance(statement, MATCH):
            branches = []
            for case in statement.cases:
                flow = self.flow(case.body, name)
                if flow is None:
                    return None
                head = self.offsets.span(case.pattern)
                branches.append({"start": head[0], "end": head[1], "body": flow})
            last = statement.cases[-1]
            is_total = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
            texts = [ast.unparse(case.pattern) for case in statement.cases]
            return {"kind": "if", **place, "branches": branches, "otherwise": [] if is_total else None, "isTotal": is_total,
                    "conditions": texts, "indent": "", "list": name}
        inner = any(isinstance(one, ast.Call) and self.is_append(one, {name}) for one in ast.walk(statement))
        # An append inside of a loop happens any number of times: nothing is said then.
        return None if inner else {"kind": "other", **place}


def answer(source):
    try:
        return Facts(source).out
    except SyntaxError as error:
        return {"error": str(error.msg), "line": error.lineno or 1}
    except (ValueError, RecursionError) as error:
        return {"error": str(error), "line": 1}


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)["source"])), flush=True)


if __name__ == "__main__":
    main()
