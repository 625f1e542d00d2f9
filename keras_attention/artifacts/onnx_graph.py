"""Rewriting an ONNX graph together with the subgraphs of its loops and branches."""


def subgraphs(node):
    """The graphs that a node holds: the body of a Loop, the branches of an If."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph):
    """`graph`, or a function, and all graphs within it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def all_nodes(graph):
    """The nodes of `graph`, or of a function, and of all graphs within it."""
    for inner in all_graphs(graph):
        yield from inner.node


def replace_nodes(graph, replace):
    """Puts the list of nodes `replace(node)` in the place of every node, innermost graphs first."""
    nodes = []
    for node in graph.node:
        for inner in subgraphs(node):
            replace_nodes(inner, replace)
        nodes.extend(replace(node))
    set_items(graph.node, nodes)


def set_items(field, items):
    """Gives a repeated field of a message these items."""
    items = list(items)
    del field[:]
    field.extend(items)


def rename_inputs(graph, names):
    """Gives every node below `graph` the inputs that `names`, a dict, says."""
    for node in all_nodes(graph):
        set_items(node.input, [names.get(name, name) for name in node.input])


def remove_unused(graph):
    """Removes nodes and initializers that nothing reads, in every graph."""
    while True:
        graphs = list(all_graphs(graph))
        read = {name for node in all_nodes(graph) for name in node.input}
        read |= {output.name for g in graphs for output in g.output}
        removed = 0
        for g in reversed(graphs):  # inner ones first: those of a removed node are no more
            nodes = [node for node in g.node if read.intersection(node.output)]
            initializers = [i for i in g.initializer if i.name in read]
            removed += len(g.node) - len(nodes) + len(g.initializer) - len(initializers)
            set_items(g.node, nodes)
            set_items(g.initializer, initializers)
        if not removed:
            return


def hoist_loop_invariants(graph):
    """Lets the body of a Loop read what never changes from outside of it.

    tf2onnx carries every weight that a body reads through the loop as a state that is passed on
    unchanged: to a runtime it is no constant then, so that it is not laid out once for the
    processor. Reading it from the outer graph is the same in every iteration.
    """
    for node in graph.node:
        for inner in subgraphs(node):
            hoist_loop_invariants(inner)
    unchanged = {}
    for node in graph.node:
        if node.op_type == "Loop":
            unchanged.update(_hoist(node))
    # What comes out of the loop is what went in.
    rename_inputs(graph, unchanged)


def _hoist(loop):
    [body] = subgraphs(loop)
    states = len(loop.input) - 2  # beside the number of iterations and the condition
    changing, inner_names, unchanged = [], {}, {}
    for k in range(states):
        if body.input[k + 2].name == body.output[k + 1].name:
            inner_names[body.input[k + 2].name] = loop.input[k + 2]
            unchanged[loop.output[k]] = loop.input[k + 2]
        else:
            changing.append(k)
    scanned = range(states, len(loop.output))
    _pick(loop.input, [0, 1, *(k + 2 for k in changing)])
    _pick(loop.output, [*changing, *scanned])
    _pick(body.input, [0, 1, *(k + 2 for k in changing)])
    _pick(body.output, [0, *(k + 1 for k in changing), *(k + 1 for k in scanned)])
    rename_inputs(body, inner_names)
    return unchanged


def _pick(field, indices):
    items = list(field)
    set_items(field, [items[i] for i in indices])
