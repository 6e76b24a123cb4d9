"""HTML as a browser and Label Studio's editor read it: the text, and every text node's XPath and offsets."""

from __future__ import annotations

import pytest
from page import FLAGS, SIZE, sign_in
from playwright.sync_api import sync_playwright
from studio import ask

from newsparallax.text import render_html

FRAGMENTS = {
    "plain": ["plain", "<p>a</p><p>b</p>", "<p>a<br>b<br/>c</p>", "<p>💩🇩🇪 a<br>e\u0301</p>", "", " ", "<br>"],
    "tables": [
        "<table>a<tr><td>b</td></tr>c</table>d",
        "<table><tr>a<td>b<p>c</table>",
        "<table><b>a<tr><td>b</table>c",
        "<table>\n<tr>\n<td>a</td>\n</tr>\n</table>\n",
        "<table><tr><td>a</td>  </tr>  b  </table>",
        "<table><caption>a<tr><td>b<td>c<tfoot><tr><td>d</table>",
        "<table><colgroup>a<col>b<tr><td>c</table>",
        "<table><td><table><td>a</table>b</table>c",
        "<table><input type=hidden>a<input>b<form>c<tr><td>d</table>",
        "<table><select><option>a<tr><td>b</table>",
        "<p>a<table><tr><td>b</table>c",
        "<!doctype html><p>a<table><tr><td>b</table>c",
        "<col>a<tr>b<td>c",
    ],
    "line breaks": [
        "<pre>\na</pre>",
        "<pre>\n\na</pre>",
        "<pre>\r\na\rb</pre>",
        "<pre><b>\na</b></pre>",
        "<pre>&#10;a</pre>",
        "<textarea>\na<b></textarea>b",
        "<textarea>\n\na",
        "<listing>\na</listing>",
        "a\rb\r\nc&#13;d\x0ce",
    ],
    "nested and unclosed": [
        "<p>a<p>b<div>c</div>d</p>e",
        "<p>a<div>b</div>c</p>d<p>e",
        "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>",
        "<dl><dt>a<dd>b<dt>c</dl>",
        "<h1>a<h2>b",
        "<button>a<button>b",
        "<form>a<form>b</form>c</form>",
        "<ruby>a<rt>b<rp>c<rt>d</ruby>",
        "</p>a</br>b</b>c",
        "<p/>a<br/>b<div/>c",
        "<details><summary>a</summary>b</details><dialog>c<search>d<menu><li>e",
        "<o:p>a</o:p><x-y>b</x-y><object><param>c</object><image>d",
    ],
    "adoption agency": [
        "<b>a<i>b</b>c</i>d",
        "<b>a<p>b</b>c</p>d",
        "<a>a<div>b<a>c</div>d</a>e",
        "<p>a<b>b<i>c<u>d</p>e<p>f",
        "<font>a<p>b<font>c</font></font>d</p>e",
        "<nobr>a<nobr>b",
        "<em><em><em><em>a<p>b</em>c</p>d",
        "<p><b><div><i>a</p>b</b>c</div>d",
    ],
    "foreign": [
        "<svg><text>a</text><foreignObject><p>b</p></foreignObject><title>c</title></svg>d",
        "<svg><g><p>a</svg>b",
        "<svg/>a<svg><![CDATA[b<c]]></svg>",
        "<math><mi>a</mi><annotation-xml encoding='text/html'><p>b</annotation-xml></math>c",
        "<math><mtext><p>a</p></mtext><p>b",
        "<svg><script>a</script>b</svg>c",
    ],
    "select and template": [
        "<select><option>a<option>b<optgroup label=x><option>c</select>d",
        "<select>a<input>b</select>c",
        "<div>a<template>b</template>c</div>",
        "<template><p>a</p></template>b",
    ],
    "raw text": [
        "<p>a<noscript>b<i>c</i></noscript>d",
        "<noscript>a</noscript><p>b",
        "<xmp>a<b></xmp><noembed>c<d></noembed><noframes>e<f></noframes>",
        "a<plaintext>b</plaintext>c",
        "<p>a<style>b > c {}</style>d",
    ],
    "head": [
        "<title>a</title><p>b",
        "<p>a<title>b&amp;</title>c",
        "<head><title>a</title></head> <body> b",
        "<!doctype html>\n<html>\n<head><title>a</title>\n<style>b</style></head>\n<body> <p>c</p></body> d</html>\n",
        "<style>a</style> b",
        "<body><link>a<meta>b<body class=x>c<html lang=x>d",
        "a</body> b</html> c",
    ],
    "frameset": [
        "<frameset>a<frame> </frameset>",
        "a<frameset>b",
        "<frameset> <frame></frameset> <noframes>a</noframes>",
    ],
    "characters": [
        "a\0b",
        "<p>a\0b<svg>c\0d</svg><textarea>e\0f</textarea>",
        "\ufeffa\ufeff",
        "a &amp; &lt; &notit; &not; &AMP &copy2 &#128; &#0; &#x110000; &#xD800; &nbsp;&ThickSpace;&NotEqualTilde;",
        "a\x0bb\x85c\u2028d",
        "1 < 2 & 3 </ >b<3",
    ],
    "dropped": [
        "<p>a<iframe>b</iframe>c<script>d</script>e<!-- f -->g",
        "<script>a</script> b<!-- c --> d",
        "<!-- a --> <p>b",
        "a<?php echo 1 ?>b<![CDATA[c]]>d<!-->e<!--->f",
        "<body><iframe>a</iframe> b",
    ],
}

# The nodes of a page in a frame like the editor's. A browser does not join the text on both sides of what is removed.
READ = """async page => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-same-origin allow-scripts";
  const loaded = new Promise(done => frame.onload = done);
  frame.srcdoc = page;
  document.body.append(frame);
  await loaded;
  const root = frame.contentDocument.body;
  const walker = root.ownerDocument.createTreeWalker(root, NodeFilter.SHOW_ALL);
  const dropped = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (![1, 3].includes(node.nodeType) || ["script", "iframe"].includes(node.nodeName.toLowerCase()))
      dropped.push(node);
  dropped.forEach(node => node.remove());
  root.normalize();
  const found = (NODES)(root);
  frame.remove();
  return found;
}"""
# [text, [[XPath of a text node, start, end], ...]] of the content of an element, counted as in the editor.
NODES = """root => {
  const name = node => node.nodeType === 3 ? "text()" : node.nodeName.toLowerCase();
  const path = node => {
    if (node === root) return "";
    let number = 1;
    for (let other = node.previousSibling; other; other = other.previousSibling) number += name(other) === name(node);
    return `${path(node.parentNode)}/${name(node)}[${number}]`;
  };
  let text = "", at = 0;
  const nodes = [];
  const walker = root.ownerDocument.createTreeWalker(root, NodeFilter.SHOW_ALL);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.nodeType === 3) {
      nodes.push([path(node), at, at += [...node.data].length]);
      text += node.data;
    } else if (node.nodeName === "BR") {
      at += 1;
      text += "\\n";
    }
  return [text, nodes];
}"""
OPEN = """task => Number(window.Htx?.task?.id) === task
  && Htx.annotationStore.selected?.names.get("page")?.isReady"""
FRAME = """Htx.annotationStore.selected.names.get("page").mountNodeRef.current"""
EDITOR = f"() => ({NODES})({FRAME}.contentDocument.body)"
CONFIG = """<View>
  <Labels name="labels" toName="page"><Label value="A"/></Labels>
  <HyperText name="page" value="$page"/>
</View>"""
# Label Studio cleans a page before it shows it, so these are well nested.
IN_THE_EDITOR = (
    "<p>a<p>b<div>c</div>d<br>e",
    "<table>a<tr><td>b</td></tr>c</table>d",
    "<pre>\n\na</pre><textarea>\nb</textarea>",
    "<!doctype html>\n<html>\n<head><title>a</title>\n</head>\n<body> <p>b</p></body></html>\n",
    "<p>a<title>b</title><style>c > d {}</style>e",
    "<p>a<noscript>b<i>c</i></noscript>d",
    "<iframe>a</iframe> <p>b<iframe>c</iframe>d<script>e</script>f<!-- g -->h",
    "<svg><text>a</text></svg><select><option>b<option>c</select>",
    "<p>a\0b &amp; &nbsp;&#128;💩<br>e\u0301\r\nf",
    "\ufeffa",
)


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


def same(page, text, nodes):
    """Whether the text is this, and every text node's XPath leads from its first to its last offset."""
    rendered = render_html(page)
    ends = [(rendered.resolve(path, 0), rendered.resolve(path, end - start)) for path, start, end in nodes]
    beyond = [rendered.resolve(path, end - start + 1) for path, start, end in nodes]
    return (rendered.text, ends, beyond) == (text, [(start, end) for _, start, end in nodes], [None] * len(nodes))


@pytest.mark.parametrize("group", FRAGMENTS)
def test_text_and_paths_are_those_of_chromium(browser, group):
    tab = browser.new_page()
    tab.set_content("<!doctype html><body>")
    read = {page: tab.evaluate(READ.replace("NODES", NODES), page) for page in FRAGMENTS[group]}
    tab.close()
    assert {page: found for page, found in read.items() if not same(page, *found)} == {}


def test_text_and_paths_are_those_of_the_editor(server, browser):
    made = ask(server, "POST", "projects", {"title": "HTML", "label_config": CONFIG})
    tasks = [{"data": {"page": page}} for page in IN_THE_EDITOR]
    ids = ask(server, "POST", f"projects/{made['id']}/import", tasks, return_task_ids=True)["task_ids"]
    tab = browser.new_page(viewport=SIZE)
    sign_in(tab, server.account.url, server.account.email, server.account.password)
    read = {}
    for page, task in zip(IN_THE_EDITOR, ids, strict=True):
        tab.goto(f"{server.account.url}/projects/{made['id']}/data?task={task}", wait_until="networkidle")
        tab.wait_for_function(OPEN, arg=task)
        read[page] = tab.evaluate(EDITOR)
    tab.close()
    assert {page: found for page, found in read.items() if not same(page, *found)} == {}
