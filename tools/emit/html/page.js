// SPDX-License-Identifier: BSL-1.0
//
// The page of `leakdir report --format html`, and of `leakdir diff --format html`, where what became of a stack is its
// kind and sizes are how much has changed. The report is the JSON that emit_html.cc put into this file. Names in it
// are anything that a program can have as a name: they reach the page as text only, never as HTML.
"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const byId = (id) => document.getElementById(id);
  const kRowsAtOnce = 200, kCellHeight = 20, kMostNodes = 60000;
  const kOwn = 0, kLibrary = 1, kRuntime = 2;
  const kInlinedFlag = 1, kRuntimeFlag = 2;

  // ---- Words --------------------------------------------------------------------------------------------------

  const countOf = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  function shortBytes(bytes) {
    if (bytes < 1024) return `${bytes} B`;
    const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let amount = bytes / 1024, unit = 0;
    for (; amount >= 1023.95 && unit + 1 < units.length; ++unit) amount /= 1024;
    return `${amount.toFixed(1)} ${units[unit]}`;
  }

  const longBytes = (bytes) => bytes < 1024 ? countOf(bytes, "byte") : `${shortBytes(bytes)} (${countOf(bytes, "byte")})`;

  function ageOf(milliseconds) {
    const seconds = milliseconds / 1000;
    if (seconds < 1) return `${Math.floor(milliseconds)} ms`;
    if (seconds < 60) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
    return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`;
  }

  const percent = (part, whole) => whole === 0 ? "" : `${(100 * part / whole).toFixed(1)} %`;

  // An element with text and children; a child that is a string becomes text.
  function element(name, className, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  // ---- The report ---------------------------------------------------------------------------------------------

  const stacks = report.stacks.map(([blocks, bytes, call, age, node, remarks, own, kind], index) =>
    ({index, blocks, bytes, call: report.calls[call], age, node, remarks, own, kind}));
  const isDiff = report.diff !== undefined;  // then `age` has the blocks and bytes before and after

  // The lines of a stack, innermost first: {name, at, inlined, kind}.
  const linesOfFrame = report.frames.map(([module, lines]) => lines.map(([name, at, flags, source]) => ({
    name: report.names[name],
    at: report.names[at],
    source: source === undefined ? "" : report.names[source],
    inlined: (flags & kInlinedFlag) !== 0,
    kind: (flags & kRuntimeFlag) !== 0 ? kRuntime : module === 0 ? kOwn : kLibrary,
    module,
  })));

  function linesOf(node) {
    const lines = [];
    for (; node >= 0; node = report.nodes.parent[node]) lines.push(...linesOfFrame[report.nodes.frame[node]]);
    return lines;
  }

  // Kinds of blocks, by number: lost, still reachable, not known. Without names nobody looked, and there is no filter.
  const kLostKinds = isDiff ? [0, 1, 2, 3, 4, 5] : [1, 2, 3], kKinds = isDiff ? kLostKinds : [...kLostKinds, 4, 0];
  // Of a comparison: new, grown, lost (red), shrunk, gone (blue), not read.
  const kKindColours = isDiff ? ["#ef7f73", "#f1998e", "#f0a8b8", "#8db4f2", "#76a3ee", "#a9bcd9"]
    : ["#c4cbd4", "#f1998e", "#f3b98a", "#f0d58c", "#9fd3b1"];
  const isLess = (kind) => isDiff && kind >= 3;
  const signOf = (kind) => !isDiff ? "" : isLess(kind) ? "\u2212" : "+";
  const knowsKinds = report.kinds.length > 0;
  const sumOf = (things) => things.reduce((sum, thing) => ({bytes: sum.bytes + thing.bytes, blocks: sum.blocks + thing.blocks}),
    {bytes: 0, blocks: 0});
  const ofKind = (kind) => sumOf([...stacks.filter((stack) => stack.kind === kind), report.rest[kind]]);
  const isThere = (kind) => ofKind(kind).blocks > 0 || (isDiff && stacks.some((stack) => stack.kind === kind));
  const kindsThere = kKinds.filter((kind) => (!isDiff && kind === 1) || isThere(kind));
  // What is lost comes first; where nothing is, all is shown.
  const chosenKinds = new Set(kindsThere.some((kind) => kLostKinds.includes(kind) && ofKind(kind).blocks > 0)
    ? kLostKinds : kKinds);
  const isChosen = (thing) => !knowsKinds || chosenKinds.has(thing.kind);

  let totals = report.totals;
  // The program's own code that is no wrapper, as leakdir found it.
  const ownFrame = (stack) => linesOf(stack.node)[stack.own] || {name: "[no stack]", at: ""};

  // Functions by who called them, from the outside in; equal names under one caller are one. Inverted: by whom they
  // called, beginning with the program's own function that allocated.
  function newNode(name, kind, module, parent) {
    return {name, kind, module, parent, bytes: 0, blocks: 0, below: new Map(), stacks: []};
  }
  let tree = null, leafOf = [], nodesInTree = 1, isInverted = false;

  function addToTree(path, bytes, blocks, stack) {
    let at = tree;
    at.bytes += bytes;
    at.blocks += blocks;
    for (const line of path) {
      let next = at.below.get(line.name);
      if (next === undefined) {
        next = newNode(line.name, line.kind, line.module, at);
        next.colour = line.colour;
        next.fate = at.fate === undefined ? line.fate : at.fate;
        at.below.set(line.name, next);
        ++nodesInTree;
      }
      at = next;
      at.bytes += bytes;
      at.blocks += blocks;
    }
    if (stack !== null) {
      at.stacks.push(stack.index);
      leafOf[stack.index] = at;
    }
  }
  // Where the kinds are known they are the outermost frames.
  const withKind = (kind, path) => !knowsKinds ? path
    : [{name: `[${report.kinds[kind]}]`, kind: kRuntime, module: 0, colour: kKindColours[kind], fate: kind}, ...path];

  function growTree() {
    tree = newNode("all", kRuntime, 0, null);
    leafOf = [];
    nodesInTree = 1;
    const chosen = stacks.filter(isChosen);
    for (const stack of chosen) {
      const path = isInverted ? linesOf(stack.node).slice(Math.max(stack.own, 0)) : linesOf(stack.node).reverse();
      addToTree(withKind(stack.kind, path.length ? path : [{name: "[no stack]", kind: kRuntime, module: 0}]), stack.bytes,
        stack.blocks, stack);
    }
    const rest = report.rest.map((sum, kind) => ({...sum, kind})).filter((sum) => sum.stacks > 0 && isChosen(sum));
    for (const sum of rest)
      addToTree(withKind(sum.kind, [{name: "[not shown]", kind: kRuntime, module: 0}]), sum.bytes, sum.blocks, null);
    totals = sumOf([...chosen, ...rest]);
  }
  growTree();

  function stacksThrough(node) {
    const found = [];
    const waiting = [node];
    while (waiting.length) {
      const at = waiting.pop();
      found.push(...at.stacks);
      waiting.push(...at.below.values());
    }
    return found;
  }

  // ---- State of the page --------------------------------------------------------------------------------------

  let metric = "bytes", sort = report.sort, selected = null, through = null, term = "", rowsShown = kRowsAtOnce;

  const amount = (thing) => metric === "bytes" ? thing.bytes : thing.blocks;
  const amountText = (thing) => metric === "bytes" ? longBytes(thing.bytes) : countOf(thing.blocks, "block");
  const contains = (text) => text.toLowerCase().includes(term);
  const foundLines = linesOfFrame.map(() => false);  // by frame: does the search find it?
  const isFound = (stack) => {
    if (term === "") return true;
    for (let node = stack.node; node >= 0; node = report.nodes.parent[node])
      if (foundLines[report.nodes.frame[node]]) return true;
    return false;
  };

  // ---- Graph --------------------------------------------------------------------------------------------------

  const graphElement = byId("graph");
  let chart = null, nodeOfData = new Map();

  function hueOf(text) {
    let hash = 2166136261;
    for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
    return (hash >>> 0) % 1000 / 1000;
  }

  // The user's own code is warm, libraries are cool, what libc and the C++ runtime do is grey.
  function colourOf(d) {
    if (d.highlight) return "#c084fc";
    const {name, kind, module, colour} = d.data.node;
    if (colour) return colour;
    const shade = hueOf(name);
    if (isDiff) return `hsl(${isLess(d.data.node.fate) ? 215 : 6} ${kind === kOwn ? 82 : 45}% ${72 + 9 * shade}%)`;
    if (kind === kOwn) return `hsl(${22 + 22 * shade} ${82 - 14 * shade}% ${69 + 7 * shade}%)`;
    if (kind === kLibrary) return `hsl(${165 + 55 * hueOf(String(module))} 38% ${68 + 9 * shade}%)`;
    return `hsl(215 12% ${74 + 5 * shade}%)`;
  }

  function graphData(node, least) {
    const children = [];
    for (const child of node.below.values())
      if (amount(child) > least) children.push(graphData(child, least));
    children.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
    return {name: node.name, value: amount(node), children, node};
  }

  const labelOf = (d) => {
    const node = d.data.node;
    return `${node.name}: ${signOf(node.fate)}${longBytes(node.bytes)} in ${countOf(node.blocks, "block")}, ` +
        percent(amount(node), amount(tree));
  };

  function drawGraph() {
    graphElement.replaceChildren();
    if (amount(tree) === 0) {
      graphElement.append(element("p", "nothing", isDiff ? "Nothing has changed." : totals.blocks === 0 ? "No live blocks." : "Blocks of no bytes."));
      return;
    }
    // What could not be seen even when zoomed into is left out where there is very much.
    const data = graphData(tree, nodesInTree > kMostNodes ? amount(tree) / 20000 : 0);
    chart = flamegraph.default()
      .width(Math.max(graphElement.clientWidth - 28, 200))
      .cellHeight(kCellHeight)
      .minFrameSize(1.5)
      .inverted(true)
      .resetHeightOnZoom(true)
      .transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 180)
      .setColorMapper(colourOf)
      .setLabelHandler(labelOf)
      .setSearchMatch((d) => term !== "" && isFoundInGraph(d.data.node))
      .setSearchHandler(() => {})
      .setDetailsHandler((text) => { byId("hover").textContent = text || hint(); })
      .onClick((d) => { if (!isZooming) chooseNode(d.data.node); });
    d3.select(graphElement).datum(data).call(chart);
    nodeOfData = new Map();
    d3.select(graphElement).datum().each((d) => nodeOfData.set(d.data.node, d));
    if (term !== "") chart.search(term);
  }

  const foundNames = new Set();
  const isFoundInGraph = (node) => foundNames.has(node.name);
  const hint = () => amount(tree) === 0 ? "" : isInverted
    ? "Each frame is as wide as what it allocated for those below it, its callers. Click to zoom; Esc goes back."
    : isDiff ? "Each frame is as wide as what has changed below it. Click to zoom; Esc goes back."
    : "Each frame is as wide as what it and its callees keep. Click to zoom; Esc goes back.";

  let isZooming = false, zoomed = tree;
  function zoomTo(node) {
    if (chart === null || amount(tree) === 0) return;
    while (!nodeOfData.has(node)) node = node.parent;
    isZooming = true;
    chart.zoomTo(nodeOfData.get(node));
    isZooming = false;
    setZoomed(node);
  }

  function setZoomed(node) {
    zoomed = node;
    byId("reset").hidden = node === tree;
  }

  // A frame was clicked: the table shows the stacks that go through it.
  function chooseNode(node) {
    setZoomed(node);
    through = node === tree ? null : {node, stacks: new Set(stacksThrough(node))};
    rowsShown = kRowsAtOnce;
    selected = null;
    if (through !== null && through.stacks.size > 0) {
      const within = shownStacks();
      selected = within.length ? within[0] : null;
    }
    drawTable();
    drawStack();
  }

  // ---- Table --------------------------------------------------------------------------------------------------

  const columns = [
    {key: "bytes", title: "Bytes"},
    {key: "share", title: "Share"},
    {key: "blocks", title: "Blocks"},
    isDiff ? {key: "before", title: "Before"} : {key: "age", title: "Oldest"},
    {key: "where", title: "Allocated in"},
  ];
  const orders = {
    bytes: (a, b) => b.bytes - a.bytes || b.blocks - a.blocks,
    blocks: (a, b) => b.blocks - a.blocks || b.bytes - a.bytes,
    age: (a, b) => b.age - a.age || b.bytes - a.bytes,
  };

  for (const column of columns) {
    const head = document.createElement("th");
    const button = element("button", "", column.title);
    button.type = "button";
    if (column.key in orders) button.addEventListener("click", () => { sort = column.key; drawTable(); });
    else if (column.key === "share") button.addEventListener("click", () => { sort = metric; drawTable(); });
    head.append(button);
    byId("columns").append(head);
  }

  const shownStacks = () =>
    stacks.filter((stack) => isChosen(stack) && (through === null || through.stacks.has(stack.index)) && isFound(stack)).sort(orders[sort]);

  function rowOf(stack) {
    const row = document.createElement("tr");
    row.tabIndex = 0;
    row.dataset.stack = stack.index;
    row.setAttribute("aria-selected", selected === stack);
    const share = element("span", "share", element("span", "", percent(amount(stack), amount(totals))));
    share.style.setProperty("--share", `${100 * amount(stack) / Math.max(amount(totals), 1)}%`);
    const own = ownFrame(stack);
    const bytes = element("td", "", signOf(stack.kind) + shortBytes(stack.bytes));
    bytes.title = countOf(stack.bytes, "byte");
    const name = element("span", "own", own.name);
    if (knowsKinds) name.prepend(dotOf(stack.kind));
    const where = element("td", "", name, element("span", "at", tail(own.at) + libraryOf(stack)));
    where.title = `${own.name}\n${own.at}${knowsKinds ? `\n${report.kinds[stack.kind]}` : ""}`;
    row.append(bytes, element("td", "", share), element("td", "", signOf(stack.kind) + stack.blocks.toLocaleString("en")),
      element("td", "", isDiff ? shortBytes(stack.age[1]) : ageOf(stack.age)), where);
    const choose = () => { selected = stack; drawTable(); drawStack(); zoomTo(leafOf[stack.index]); };
    row.addEventListener("click", choose);
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
      const again = document.querySelector(`tr[data-stack="${stack.index}"]`);
      if (again) again.focus();
    });
    return row;
  }

  function dotOf(kind) {
    const dot = element("i", "dot");
    dot.style.setProperty("--kind", kKindColours[kind]);
    dot.setAttribute("role", "img");
    dot.setAttribute("aria-label", report.kinds[kind]);
    return dot;
  }

  // The library that the user's code had called when it allocated.
  function libraryOf(stack) {
    const line = linesOf(stack.node).find((line) => line.kind !== kRuntime);
    return line === undefined || line.kind === kOwn ? "" : ` in ${report.modules[line.module]}`;
  }

  const tail = (path) => path.split("/").pop();

  // Rows may be functions, each with all stacks whose own frame it is: those that `report --group-by function` has.
  let isByFunction = false;
  const functionOf = (stack) => {
    const {name, module} = ownFrame(stack);
    const library = module ? report.modules[module] : "";
    return library === "" || name.startsWith(`${library}+0x`) ? name : `${name} (${library})`;
  };

  function functionsOf(some) {
    const functions = new Map();
    for (const stack of some) {
      const name = functionOf(stack);
      let found = functions.get(name);
      if (found === undefined) functions.set(name, found = {name, bytes: 0, blocks: 0, age: 0, kinds: new Set(), stacks: []});
      found.bytes += stack.bytes;
      found.blocks += stack.blocks;
      found.age = Math.max(found.age, stack.age);
      found.kinds.add(stack.kind);
      found.stacks.push(stack);
    }
    return [...functions.values()].sort(orders[sort]);
  }

  function rowOfFunction(one) {
    const share = element("span", "share", element("span", "", percent(amount(one), amount(totals))));
    share.style.setProperty("--share", `${100 * amount(one) / Math.max(amount(totals), 1)}%`);
    const bytes = element("td", "", shortBytes(one.bytes));
    bytes.title = countOf(one.bytes, "byte");
    const name = element("span", "own", one.name);
    if (knowsKinds) name.prepend(...kKinds.filter((kind) => one.kinds.has(kind)).map(dotOf));
    const at = tail(ownFrame(one.stacks[0]).at);
    const where = element("td", "", name, element("span", "at", one.stacks.length === 1 ? at : countOf(one.stacks.length, "stack")));
    where.title = one.name;
    const row = element("tr", "", bytes, element("td", "", share), element("td", "", one.blocks.toLocaleString("en")),
      element("td", "", ageOf(one.age)), where);
    row.tabIndex = 0;
    const choose = () => {
      through = {node: {name: one.name}, isFunction: true, stacks: new Set(one.stacks.map((stack) => stack.index))};
      rowsShown = kRowsAtOnce;
      selected = one.stacks[0];
      drawTable();
      drawStack();
      zoomTo(leafOf[selected.index]);
    };
    row.addEventListener("click", choose);
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    });
    return row;
  }

  function drawTable() {
    const shown = shownStacks();
    [...byId("columns").children].forEach((head, i) => {
      if (columns[i].key === sort) head.setAttribute("aria-sort", "descending");
      else head.removeAttribute("aria-sort");
    });
    // Of one function that was chosen, its stacks.
    const listsFunctions = isByFunction && !(through !== null && through.isFunction);
    const functions = listsFunctions ? functionsOf(shown) : [];
    const count = listsFunctions ? functions.length : shown.length, noun = listsFunctions ? "function" : "stack";
    const rows = byId("stacks");
    rows.replaceChildren(...(listsFunctions ? functions.slice(0, rowsShown).map(rowOfFunction) : shown.slice(0, rowsShown).map(rowOf)));
    if (count === 0) {
      const cell = element("td", "nothing", stacks.length === 0 ? (isDiff ? "Nothing has changed." : "No live blocks.") : "No stack has that.");
      cell.colSpan = columns.length;
      rows.append(element("tr", "", cell));
    }
    const hidden = count - rowsShown;
    byId("more").hidden = hidden <= 0;
    byId("more").textContent = `Show ${Math.min(Math.max(hidden, 0), kRowsAtOnce)} more of ${countOf(Math.max(hidden, 0), noun)}`;
    const sum = shown.reduce((total, stack) => total + amount(stack), 0);
    byId("table-title").textContent = listsFunctions ? countOf(count, noun)
      : shown.length === stacks.length ? countOf(stacks.length, "stack")
      : `${shown.length.toLocaleString("en")} of ${countOf(stacks.length, "stack")}, ${percent(sum, amount(totals))}`;
    byId("filter").hidden = through === null;
    byId("filter").textContent = through === null ? "" : `${through.isFunction ? "of" : "through"} ${through.node.name}  \u00d7`;
  }

  // ---- Stack --------------------------------------------------------------------------------------------------

  function frameItems(node) {
    return linesOf(node).map((line, i) => {
      const text = element("span", "", element("span", "function", line.name));
      if (line.inlined) text.append(element("span", "tag", "inlined"));
      if (line.at !== "") text.append(element("span", "at", line.at));
      if (line.source !== "") text.append(element("code", "source", line.source));
      return element("li", ["own", "library", "runtime"][line.kind], element("span", "number", `#${i}`), text);
    });
  }

  function drawStack() {
    const facts = byId("stack-facts");
    byId("frames").replaceChildren();
    if (selected === null) {
      byId("stack-title").textContent = "Stack";
      facts.textContent = stacks.length === 0 ? "" : "Click a frame of the graph or a row of the table.";
      return;
    }
    const own = ownFrame(selected);
    byId("stack-title").textContent = own.name;
    facts.replaceChildren(element("b", "", signOf(selected.kind) + longBytes(selected.bytes)), ` in `, element("b", "", countOf(selected.blocks, "block")),
      `, ${percent(amount(selected), amount(totals))}, ${selected.call}, ` + (isDiff
        ? `${longBytes(selected.age[1])} in ${countOf(selected.age[0], "block")} before, ` +
          `${longBytes(selected.age[3])} in ${countOf(selected.age[2], "block")} now`
        : `oldest ${ageOf(selected.age)}`) +
      selected.remarks.map((remark) => `, ${remark}`).join(""));
    if (knowsKinds) facts.append(", ", dotOf(selected.kind), report.kinds[selected.kind]);
    byId("frames").append(...frameItems(selected.node));
  }

  // ---- Sizes over age -----------------------------------------------------------------------------------------

  function drawAges() {
    const ages = byId("ages");
    ages.replaceChildren();
    // An age of 10^(i/2) ms is in column i, a size of 2^j bytes in row j.
    const cells = report.ages.map(([age, size, blocks, bytes, kind]) => ({age, size, blocks, bytes, kind})).filter(isChosen);
    if (cells.length === 0) {
      ages.append(element("p", "nothing", report.ages.length === 0 ? "No live blocks." : "No block is of that kind."));
      return;
    }
    const width = 480, height = 250, left = 58, right = 14, top = 8, bottom = 32;
    const [firstAge, lastAge] = d3.extent(cells, (cell) => cell.age), [firstSize, lastSize] = d3.extent(cells, (cell) => cell.size);
    const x = d3.scaleLinear().domain([Math.min(firstAge, lastAge - 5), lastAge + 1]).range([left, width - right]);
    const y = d3.scaleLinear().domain([Math.min(firstSize, Math.max(lastSize - 5, 0)), lastSize + 1]).range([height - bottom, top]);
    const room = Math.min(x(1) - x(0), y(0) - y(1));
    const radius = d3.scaleSqrt().domain([0, d3.max(cells, amount)]).range([1.5, Math.max(Math.min(room * 0.9, 17), 5)]);
    const svg = d3.select(ages).append("svg").attr("viewBox", `0 0 ${width} ${height}`).attr("role", "img")
      .attr("aria-label", "Live blocks by their age and size");
    const ageMarks = [[0, "1 ms"], [2, "10 ms"], [4, "0.1 s"], [6, "1 s"], [8, "10 s"], [2 * Math.log10(6e4), "1 min"],
      [2 * Math.log10(6e5), "10 min"], [2 * Math.log10(3.6e6), "1 h"], [2 * Math.log10(3.6e7), "10 h"],
      [2 * Math.log10(8.64e7), "1 d"], [2 * Math.log10(8.64e8), "10 d"], [2 * Math.log10(8.64e9), "100 d"]];
    const within = (scale, at) => at >= scale.domain()[0] - 1e-9 && at <= scale.domain()[1] + 1e-9;
    let lastMark = -Infinity;
    for (const [at, text] of ageMarks) {
      if (!within(x, at) || x(at) - lastMark < 38) continue;
      lastMark = x(at);
      svg.append("line").attr("class", "grid").attr("x1", x(at)).attr("x2", x(at)).attr("y1", top).attr("y2", height - bottom);
      const isAtEdge = x(at) + 20 > width;  // the whole word is to be seen
      svg.append("text").attr("x", isAtEdge ? width : x(at)).attr("y", height - bottom + 15)
        .attr("text-anchor", isAtEdge ? "end" : "middle").text(text);
    }
    let step = 1;
    while ((y.domain()[1] - y.domain()[0]) / step > 8) ++step;
    for (let at = Math.ceil(y.domain()[0]); within(y, at); at += step) {
      svg.append("line").attr("class", "grid").attr("x1", left).attr("x2", width - right).attr("y1", y(at)).attr("y2", y(at));
      svg.append("text").attr("x", left - 7).attr("y", y(at) + 4).attr("text-anchor", "end")
        .text(shortBytes(2 ** at).replace(".0 ", " "));
    }
    svg.append("text").attr("x", (left + width - right) / 2).attr("y", height - 3).attr("text-anchor", "middle").text("age");
    svg.selectAll("circle").data(cells.sort((a, b) => amount(b) - amount(a))).join("circle")
      .attr("cx", (cell) => x(cell.age + 0.5)).attr("cy", (cell) => y(cell.size + 0.5)).attr("r", (cell) => radius(amount(cell)))
      .attr("style", (cell) => knowsKinds ? `fill: ${kKindColours[cell.kind]}; stroke: ${kKindColours[cell.kind]}` : null)
      .append("title").text((cell) => `${knowsKinds ? `${report.kinds[cell.kind]}: ` : ""}${countOf(cell.blocks, "block")}, ${longBytes(cell.bytes)}\n` +
        `${ageOf(10 ** (cell.age / 2))} to ${ageOf(10 ** ((cell.age + 1) / 2))} old, ` +
        `${shortBytes(2 ** cell.size)} to ${shortBytes(2 ** (cell.size + 1))} each`);
  }

  // ---- What stands still --------------------------------------------------------------------------------------

  function drawHead() {
    document.title = `${report.title} \u2013 leakdir`;
    byId("program").textContent = report.title;
    byId("process").textContent = report.process;
    const total = (number, words, className) => element("div", className || "", element("b", "", number), element("span", "", words));
    const all = report.totals;
    if (isDiff) {
      const signed = (number, text) => `${number < 0 ? "\u2212" : "+"}${text(Math.abs(number))}`;
      byId("graph-title").textContent = "What grew, red, and what shrank, blue";
      byId("ages-panel").hidden = true;
      byId("rows-are").hidden = true;  // what grew and what shrank do not add up
      byId("totals").append(total(signed(report.diff.bytes, shortBytes), "live"),
        total(signed(report.diff.blocks, (count) => count.toLocaleString("en")), "blocks"));
    } else byId("totals").append(
      total(shortBytes(all.bytes), all.bytes < 1024 ? "live" : `live (${countOf(all.bytes, "byte")})`),
      total(all.blocks.toLocaleString("en"), all.blocks === 1 ? "block" : "blocks"),
      total(all.stacks.toLocaleString("en"), all.stacks === 1 ? "stack" : "stacks"));
    if (report.seen !== "") byId("totals").append(element("div", "", element("span", "", report.seen)));
    if (report.bad_frees_seen > 0)
      byId("totals").append(total(report.bad_frees_seen.toLocaleString("en"), report.bad_frees_seen === 1 ? "bad free" : "bad frees", "bad"));
    byId("remarks").append(...report.warnings.map((text) => element("li", "", `Warning: ${text}`)),
      ...report.leads.map(([text, stack]) => element("li", "note", stack < 0 ? text : linkTo(stacks[stack], text))),
      ...report.notes.map((text) => element("li", "note", text)));
  }

  function drawKinds() {
    byId("kinds").hidden = !knowsKinds || report.totals.blocks === 0;
    byId("kinds").replaceChildren(...kindsThere.map((kind) => {
      const sum = ofKind(kind);
      const button = element("button", "", dotOf(kind), element("span", "", report.kinds[kind]),
        element("b", "", signOf(kind) + (metric === "bytes" ? shortBytes(sum.bytes) : countOf(sum.blocks, "block"))));
      button.type = "button";
      button.dataset.kind = kind;
      button.setAttribute("aria-pressed", chosenKinds.has(kind));
      button.addEventListener("click", () => toggleKind(kind));
      return button;
    }));
  }

  function drawBadFrees() {
    byId("bad-frees-panel").hidden = report.bad_frees.length === 0;
    for (const badFree of report.bad_frees) {
      const details = element("details", "", element("summary", "", element("b", "", badFree.kind), ` ${badFree.facts}`));
      for (const [title, node] of badFree.stacks) {
        const frames = element("ol", "frames");
        frames.append(...frameItems(node));
        details.append(element("h3", "", title), frames);
      }
      byId("bad-frees").append(details);
    }
  }

  // ---- What the reader does -----------------------------------------------------------------------------------

  // To a stack's row, whatever was chosen, searched for or zoomed into before.
  function linkTo(stack, text) {
    const link = element("a", "", text);
    link.href = "#stacks";
    link.addEventListener("click", (event) => {
      event.preventDefault();
      chosenKinds.add(stack.kind);
      growTree();
      through = null;
      setZoomed(tree);
      byId("search").value = "";
      setSearch("");
      setRows(false);
      rowsShown = Math.max(kRowsAtOnce, shownStacks().indexOf(stack) + 1);
      selected = stack;
      setMetric(metric);
      zoomTo(leafOf[stack.index]);
      const row = document.querySelector(`tr[data-stack="${stack.index}"]`);
      row.scrollIntoView({block: "nearest"});
      row.focus({preventScroll: true});
    });
    return link;
  }

  function setRows(byFunction) {
    isByFunction = byFunction;
    byId("by-stack").setAttribute("aria-pressed", !byFunction);
    byId("by-function").setAttribute("aria-pressed", byFunction);
    rowsShown = kRowsAtOnce;
    drawTable();
  }

  function setDirection(inverted) {
    isInverted = inverted;
    byId("by-caller").setAttribute("aria-pressed", !inverted);
    byId("by-allocation").setAttribute("aria-pressed", inverted);
    growTree();
    through = null;
    setZoomed(tree);
    setMetric(metric);
    byId("hover").textContent = hint();
  }

  function setMetric(chosen) {
    metric = chosen;
    if (sort !== "age") sort = chosen;
    for (const key of ["bytes", "blocks"]) byId(`by-${key}`).setAttribute("aria-pressed", key === chosen);
    if (knowsKinds) drawKinds();
    drawGraph();
    if (zoomed !== tree) zoomTo(zoomed);
    drawTable();
    drawStack();
    drawAges();
  }

  function toggleKind(kind) {
    if (!chosenKinds.delete(kind)) chosenKinds.add(kind);
    growTree();
    through = null;
    rowsShown = kRowsAtOnce;
    setZoomed(tree);
    if (selected !== null && !isChosen(selected)) selected = null;
    setMetric(metric);
    byId("kinds").querySelector(`[data-kind="${kind}"]`).focus();
  }

  let waiting = 0;  // for who types to pause
  function setSearch(text) {
    clearTimeout(waiting);
    term = text.trim().toLowerCase();
    foundNames.clear();
    linesOfFrame.forEach((lines, i) => {
      foundLines[i] = false;
      for (const line of lines) {
        if (term === "" || !(contains(line.name) || contains(line.at))) continue;
        foundLines[i] = true;
        foundNames.add(line.name);
      }
    });
    rowsShown = kRowsAtOnce;
    if (chart !== null && amount(tree) > 0) {
      if (term === "") chart.clear();
      else chart.search(term);
    }
    drawTable();
  }

  function reset() {
    selected = null;
    through = null;
    zoomTo(tree);
    drawTable();
    drawStack();
  }

  byId("by-bytes").addEventListener("click", () => setMetric("bytes"));
  byId("by-blocks").addEventListener("click", () => setMetric("blocks"));
  byId("by-caller").addEventListener("click", () => setDirection(false));
  byId("by-allocation").addEventListener("click", () => setDirection(true));
  byId("by-stack").addEventListener("click", () => setRows(false));
  byId("by-function").addEventListener("click", () => setRows(true));
  byId("reset").addEventListener("click", reset);
  byId("filter").addEventListener("click", reset);
  byId("more").addEventListener("click", () => { rowsShown += kRowsAtOnce; drawTable(); });
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => setSearch(event.target.value), 120);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== byId("search")) {
      event.preventDefault();
      byId("search").focus();
    } else if (event.key === "Escape") {
      if (document.activeElement === byId("search")) {
        byId("search").value = "";
        setSearch("");
        byId("search").blur();
      } else {
        reset();
      }
    }
  });
  let resizing = 0;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => setMetric(metric), 150);
  });

  selected = stacks.filter(isChosen).sort(orders[sort])[0] || null;
  drawHead();
  setMetric(report.sort === "blocks" ? "blocks" : "bytes");
  sort = report.sort;
  drawTable();
  drawBadFrees();
  byId("hover").textContent = hint();
})();
