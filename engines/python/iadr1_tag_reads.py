"""Where Python code asks a match of a pattern no more than whether it is there and what its group holds, and what to write instead once a
parser gives the body of the element or None. Whether the pattern is about one element of the answer grammar is decided by whoever asks
(server/src/rewards/static/tagParserFix.ts). Reads a syntax tree, runs nothing. Standard library only, Python 3.9 or newer.
"""

import ast
import inspect

from iadr1_tags import read_tags

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Module)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Stands for the call of the parser in the texts of edits.
READ = "\0"


class TagReads:
    def __init__(self, tree, offsets, source):
        self.tree, self.offsets, self.source = tree, offsets, source
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def of(self, call, subject):
        """{"subject": [start, end], "edits": [...]} for a call that matches; None where the code wants more than the body."""
        if any(isinstance(one, ast.JoinedStr) for one in self.above(call)):
            return None  # Python before 3.12 does not know the places inside.
        edits = self.edits(call)
        return None if edits is None else {"subject": list(self.offsets.span(subject)), "edits": edits}

    def edits(self, call):
        parent = self.parents.get(call)
        asked = self.question(call, READ)
        if asked is not None:
            return [asked]
        whole = self.body(call)
        if whole is not None:
            # Without a match this raised; so does a method of None.
            return [self.edit(whole, READ)] if isinstance(self.parents.get(whole), ast.Attribute) else None
        is_plain = isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name)
        if is_plain:
            return self.variable(call, parent.targets[0])
        if isinstance(parent, ast.NamedExpr):
            asked = self.question(parent, self.text(parent.target) + " := " + READ, brackets=True)
            return None if asked is None else self.variable(call, parent.target, asked)
        return None

    def variable(self, call, target, asked=None):
        """The match has a name: every use of it is rewritten, as long as no other value can have come there."""
        scope = next(one for one in self.above(target) if isinstance(one, SCOPES))
        if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        names = [one for one in ast.walk(scope) if isinstance(one, ast.Name) and one.id == target.id]
        declared = [one for one in ast.walk(scope) if isinstance(one, (ast.Global, ast.Nonlocal)) and target.id in one.names]
        arguments = [one for one in ast.walk(scope) if isinstance(one, ast.arg) and one.arg == target.id]
        stores = [one for one in names if not isinstance(one.ctx, ast.Load)]
        uses = self.uses(names, stores, target)
        if declared or arguments or uses is None:
            return None
        edits = [asked if asked is not None else self.edit(call, READ)]
        bodies, is_guarded = [], asked is not None
        for use in uses:
            if any(isinstance(one, ast.JoinedStr) for one in self.above(use)):
                return None
            whole = self.body(use)
            if whole is not None:
                bodies.append(whole)
                edits.append(self.edit(whole, target.id))
                continue
            question = self.question(use, target.id)
            if question is None:
                return None
            is_guarded = True
            edits.append(question)
        if not is_guarded and not all(isinstance(self.parents.get(one), ast.Attribute) for one in bodies):
            return None
        return edits

    def uses(self, names, stores, target):
        """Where the value that is stored here is read; None when that cannot be told."""
        loads = [one for one in names if isinstance(one.ctx, ast.Load)]
        if stores == [target]:
            return loads
        # Several in a row, each with its own uses behind it: `match = …; use(match); match = …; use(match)`.
        statements = [self.statement(one) for one in stores]
        blocks = {id(self.parents[one]) for one in statements}
        if len(blocks) > 1 or any(not isinstance(one, ast.Assign) for one in statements):
            return None
        order = sorted(stores, key=lambda one: (one.lineno, one.col_offset))
        found = []
        for load in loads:
            before = [one for one in order if (one.lineno, one.col_offset) < (load.lineno, load.col_offset)]
            is_late = any(isinstance(one, SCOPES + COMPREHENSIONS) for one in self.between(load, statements[0]))
            if not before or is_late or self.is_inside(load, [self.statement(one) for one in stores]):
                return None
            if before[-1] is target:
                found.append(load)
        return found

    # --- what is asked ---

    def body(self, match):
        """`match.group(1)`, `match["name"]`: the whole of it, or None."""
        parent = self.parents.get(match)
        if isinstance(parent, ast.Subscript) and parent.value is match and isinstance(parent.ctx, ast.Load):
            return parent if is_group(parent.slice) else None
        if isinstance(parent, ast.Attribute) and parent.attr == "group":
            call = self.parents.get(parent)
            is_call = isinstance(call, ast.Call) and call.func is parent and len(call.args) == 1 and not call.keywords
            return call if is_call and is_group(call.args[0]) else None
        return None

    def question(self, match, text, brackets=False):
        """`if match`, `not match`, `match is None`, `bool(match)`: an edit that asks the same of a body, which may be empty."""
        parent = self.parents.get(match)
        asked = f"({text})" if brackets else text
        if isinstance(parent, ast.Compare) and len(parent.ops) == 1 and parent.left is match:
            is_none = isinstance(parent.comparators[0], ast.Constant) and parent.comparators[0].value is None
            is_asked = isinstance(parent.ops[0], (ast.Is, ast.IsNot, ast.Eq, ast.NotEq))
            return self.edit(match, text) if is_none and is_asked else None
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
            return self.edit(parent, f"{asked} is None")
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "bool":
            return self.edit(parent, f"({asked} is not None)") if parent.args == [match] and not parent.keywords else None
        return self.edit(match, f"{asked} is not None") if self.is_truth(match, parent) else None

    def is_truth(self, node, parent):
        """Only whether it is true matters here."""
        if isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            return parent.test is node
        if isinstance(parent, ast.comprehension):
            return any(one is node for one in parent.ifs)
        if isinstance(parent, ast.BoolOp):
            above = self.parents.get(parent)
            is_not = isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not)
            return is_not or self.is_truth(parent, above)
        return False

    # --- the tree ---

    def above(self, node):
        """From the innermost outwards."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement(self, node):
        return node if isinstance(node, ast.stmt) else next(one for one in self.above(node) if isinstance(one, ast.stmt))

    def between(self, node, statement):
        """What stands around a node up to the block that a statement is in."""
        block = self.parents[statement]
        for one in self.above(node):
            if one is block:
                return
            yield one

    def is_inside(self, node, statements):
        return any(one in statements for one in self.above(node))

    def text(self, node):
        start, end = self.offsets.span(node)
        data = self.source.encode("utf-16-le", "surrogatepass")
        return data[2 * start : 2 * end].decode("utf-16-le", "replace")

    def edit(self, node, text):
        start, end = self.offsets.span(node)
        return {"start": start, "end": end, "text": text}

    # --- the parser in the file ---

    def parser(self):
        """{"name", "at", "text"}: what the parser is called in this file, and what to write where it is not there yet."""
        taken = {one.name for one in ast.walk(self.tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
        taken |= {one.id for one in ast.walk(self.tree) if isinstance(one, ast.Name)}
        taken |= {one.arg for one in ast.walk(self.tree) if isinstance(one, ast.arg)}
        imports = [one for one in self.tree.body if isinstance(one, (ast.Import, ast.ImportFrom))]
        for one in imports:
            for name in one.names:
                if isinstance(one, ast.ImportFrom) and one.module == "iadr1_tags" and name.name == "read_tags":
                    return {"name": name.asname or name.name, "at": 0, "text": ""}
                taken.add((name.asname or name.name).split(".")[0])
        written = inspect.getsource(read_tags)
        same = ast.dump(ast.parse(written).body[0])
        for one in self.tree.body:
            if isinstance(one, ast.FunctionDef) and ast.dump(one) == same:
                return {"name": one.name, "at": 0, "text": ""}
        name, number = "read_tags", 2
        while name in taken:
            name, number = f"read_tags_{number}", number + 1
        text = written.replace("def read_tags(", f"def {name}(").rstrip("\n")
        ends = "\r\n" if "\r\n" in self.source else "\n"
        first = next((one for one in self.tree.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))), None)
        before = [one for one in imports if first is None or one.lineno < first.lineno]
        docstring = self.tree.body[0] if self.tree.body and ast.get_docstring(self.tree, clean=False) is not None else None
        last = before[-1] if before else docstring
        if last is not None:
            at = self.end_of_line(last)
            text = f"\n\n\n{text}" + ("" if self.blank_behind(at) else "\n\n")
        else:
            # Behind what belongs to the first lines of a file; a marker above a reward stays with it.
            lines = self.offsets.lines
            heads = 0
            while heads < min(2, len(lines)) and lines[heads].lstrip("\ufeff").startswith(("#!", "# -*-", "# coding", "# vim")):
                heads += 1
            at = self.offsets.starts[heads] + (1 if heads == 0 and self.offsets.bom else 0)
            text = f"{text}\n\n\n"
        return {"name": name, "at": at, "text": text.replace("\n", ends)}

    def end_of_line(self, statement):
        line = self.offsets.lines[statement.end_lineno - 1]
        return self.offsets.starts[statement.end_lineno - 1] + len(line.rstrip("\r\n").encode("utf-16-le", "surrogatepass")) // 2

    def blank_behind(self, at):
        rest = self.source.encode("utf-16-le", "surrogatepass")[2 * at :].decode("utf-16-le", "replace")
        return rest.replace("\r\n", "\n").startswith("\n\n") or rest.strip() == ""


def is_group(node):
    """The one group of the pattern, by number or by name."""
    return isinstance(node, ast.Constant) and (node.value == 1 and not isinstance(node.value, bool) or isinstance(node.value, str))
