"""Label Studio's labelling page, worked as an annotator works it: keys, clicks and drags in a real Chromium.

The page's store (`window.Htx`) is read to find things and to see what has arrived, never written.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from playwright.sync_api import ElementHandle, Locator, Page, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

SIZE = {"width": 1366, "height": 768}
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
LONGEST = 30_000  # milliseconds; what has not happened until then will not
TRIES = 3
MODAL = ".ant-modal-confirm:not(.ant-zoom-appear)"  # that has stopped growing: before, a click on OK may be lost

# The places of the first and the last character of `[start, end)`: what a reader takes for one character may be several
# code points. In the page, a line break of a text is a <br>, so each half of CRLF is one.
_ENDS = """([text, start, end]) => {
  const mount = Htx.annotationStore.selected.names.get(text).mountNodeRef.current;
  const root = mount.contentDocument?.body ?? mount;
  const frame = mount.contentDocument ? mount.getBoundingClientRect() : {x: 0, y: 0};
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  const points = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      let at = 0;
      for (const point of node.data) { points.push([node, at, at += point.length, point]); }
    } else if (node.tagName === "BR") points.push([node, 0, 0, "\\n"]);
  }
  const seen = [];
  let at = 0;
  for (const {segment} of new Intl.Segmenter().segment(points.map(point => point[3]).join(""))) {
    const length = [...segment].length;
    if (at < end && at + length > start) seen.push([at, at + length]);
    at += length;
  }
  const place = ([from, to]) => {
    const range = root.ownerDocument.createRange();
    range.setStart(points[from][0], points[from][1]);
    range.setEnd(points[to - 1][0], points[to - 1][2]);
    const box = range.getBoundingClientRect();
    return {left: box.left + frame.x, right: box.right + frame.x, middle: box.top + box.height / 2 + frame.y};
  };
  return [place(seen[0]), place(seen.at(-1))];
}"""
_READY = """task => {
  const shown = window.Htx?.annotationStore?.selected;
  const texts = [...shown?.names.values() ?? []].filter(tag => tag.isObjectTag);
  return Number(window.Htx?.task?.id) === task && document.querySelector(".lsf-main-view .np")
    && texts.every(tag => tag.isReady && tag.mountNodeRef?.current);
}"""
# Fonts that arrive late move the words, and a page that was loaded anew loads its task twice: wait for frames in a row
# that are all the same.
_STILL = """async () => {
  await document.fonts.ready;
  const boxes = () => [...document.querySelectorAll(".np, .np *")].map(part => part.getBoundingClientRect());
  const look = () => JSON.stringify([Htx.isLoading, Htx.annotationStore.selected?.id, boxes()]);
  for (let same = 0, last = ""; same < 20;) {
    await new Promise(requestAnimationFrame);
    const now = look();
    same = now === last ? same + 1 : 0;
    last = now;
  }
}"""
_SPAN = """region => region.isText ? [region.startOffset, region.endOffset]
  : [region.globalOffsets?.start, region.globalOffsets?.end]"""
_REGION = f"""([text, start, end, label]) => {{
  const same = Htx.annotationStore.selected.regions.filter(region => region.object.name === text
    && String(({_SPAN})(region)) === String([start, end]) && region.hasLabel(label));
  return same.length ? same.at(-1).id : null;
}}"""


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    """Sign in by the server's form."""
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda at: "/user/login" not in at, wait_until="commit")


def open_task(page: Page, url: str, project: int, task: int) -> LabellingPage:
    """The labelling page of a task, when its texts are there and everything stands still."""
    page.goto(f"{url}/projects/{project}/data?task={task}", wait_until="networkidle")
    return _arrived(page, task)


def open_row(page: Page, row: int, task: int) -> LabellingPage:
    """The same from the labelling page of another task of the project, by a click on a row of the list at the left."""
    page.locator(".lsf-table__row-wrapper").nth(row).click()
    return _arrived(page, task)


def _arrived(page: Page, task: int) -> LabellingPage:
    page.wait_for_function(_READY, arg=task, timeout=LONGEST)
    page.evaluate(_STILL)
    return LabellingPage(page)


class LabellingPage:
    """One task on the labelling page. Offsets are code points of the text called `text`."""

    def __init__(self, page: Page, text: str = "text") -> None:
        self.page, self.text = page, text

    def mark(self, start: int, end: int, hotkey: str) -> str:
        """Press a label's key, drag over `[start, end)`; the id of the new region.

        On a busy machine the page may lose a key or a drag. The annotator then does it again, and so does this.
        """
        before = self.regions()
        for _ in range(TRIES):
            self._select_label(hotkey)
            self.page.evaluate(_STILL)
            self.drag(start, end)
            with suppress(PlaywrightTimeout):
                self.page.wait_for_function(
                    "count => Htx.annotationStore.selected.regions.length > count",
                    arg=len(before),
                    timeout=LONGEST / TRIES,
                )
                break
        (new,) = [region for region in self.regions() if region not in before]
        return new

    def _select_label(self, hotkey: str) -> None:
        for _ in range(TRIES):
            self.leave_field()
            self.page.keyboard.press("Escape")  # with a region selected, the key would give it another label
            self.page.keyboard.press(hotkey)
            with suppress(PlaywrightTimeout):
                self.page.wait_for_function(
                    """key => [...Htx.annotationStore.selected.names.values()].some(
                    tag => tag.type.endsWith("labels") && tag.selectedLabels.some(label => label.hotkey === key))""",
                    arg=hotkey,
                    timeout=LONGEST / TRIES,
                )
                return
        raise AssertionError(f"the key {hotkey} selects no label")

    def drag(self, start: int, end: int) -> None:
        """Drag the mouse from the left edge of the first character to the right edge of the last."""
        first, last = self._ends(start, end)
        mouse = self.page.mouse
        mouse.move(first["left"] + 1, first["middle"])
        mouse.down()
        mouse.move((first["left"] + last["right"]) / 2, (first["middle"] + last["middle"]) / 2)
        mouse.move(last["right"] - 1, last["middle"])
        mouse.up()

    def select_region(self, start: int, end: int, label: str) -> str:
        """Select the mark `[start, end)` with this label by a click on it, or, where another covers it, in the list."""
        region = self.page.evaluate(_REGION, [self.text, start, end, label])
        assert region, f"no mark {label} [{start}, {end})"
        if self.selected() != region:
            self._click(region)
            self.page.wait_for_function(
                "id => Htx.annotationStore.selected.highlightedNode?.id === id", arg=region, timeout=LONGEST
            )
        return str(region)

    def unselect(self) -> None:
        """Escape: no mark is selected."""
        self.leave_field()
        self.page.keyboard.press("Escape")
        self.page.wait_for_function("() => !Htx.annotationStore.selected.highlightedNode", timeout=LONGEST)

    def choose(self, control: str, value: str) -> None:
        """Click a value of the field `control`, as the page spells it."""
        handle = self.control(control)
        box = handle.query_selector(f"label:has(input[name={_quoted(value)}])")
        assert box, f"{control} has no {value}"
        box.scroll_into_view_if_needed()
        box.click()
        self._holds(control, value)

    def find(self, control: str, letters: str, value: str) -> None:
        """Give the field `control` a value by its list's finder: its key, a few letters, Enter."""
        finder = self.finder(control)
        placeholder = finder.get_attribute("placeholder") or ""
        self.page.keyboard.press(placeholder.partition("[")[2].rstrip("]"))
        expect(finder).to_be_focused()
        self.page.keyboard.type(letters)
        self.page.keyboard.press("Enter")
        self._holds(control, value)
        self.leave_field()

    def leave_field(self) -> None:
        """Click beside the field in which one types, if one does: in there, keys are letters."""
        typing = self.page.locator(".np-field:has(input:focus) h4")
        if typing.count():
            typing.click()

    def write_note(self, control: str, text: str) -> None:
        """Type into the note `control` and press Enter."""
        self.page.locator(f"input[name={_quoted(control)}]:visible").click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        self._holds(control, text)

    def draw_relation(self, source: tuple[int, int, str], target: tuple[int, int, str], label: str) -> None:
        """Alt+R on a mark, a click on another, the label in the list of relations; a mark is (start, end, label)."""
        count = len(self.relations())
        begin = self.select_region(*source)
        self.leave_field()
        self.page.keyboard.press("Alt+r")
        self.page.wait_for_function("() => Htx.annotationStore.selected.isLinkingMode", timeout=LONGEST)
        end = self.page.evaluate(_REGION, [self.text, *target])
        self._click(end)
        self.page.wait_for_function(
            "count => Htx.annotationStore.selected.relationStore.size > count", arg=count, timeout=LONGEST
        )
        self.tab("Relations")
        ids = self.page.evaluate(
            "() => Htx.annotationStore.selected.relationStore.orderedRelations.map(one => [one.node1.id, one.node2.id])"
        )
        item = self.page.locator(".lsf-relations__item").nth(ids.index([begin, end]))
        item.hover()
        item.get_by_label("Show Relation Labels").click()
        item.get_by_test_id("select-trigger").click()
        self.page.get_by_test_id(f"select-option-{label}").click()
        self.page.wait_for_function(
            "label => Htx.annotationStore.selected.relationStore.relations.some(one => one.labels?.includes(label))",
            arg=label,
            timeout=LONGEST,
        )
        self.tab("Regions")
        self.unselect()

    def tab(self, name: str) -> None:
        """Bring a tab of the panels at the right to the front."""
        self.page.locator(".lsf-panel-tabs__tab:visible", has_text=name).first.click()

    def submit(self) -> dict[str, Any]:
        """Press Submit or Update; the annotation as the server has stored it."""
        with self.page.expect_response(_stores, timeout=LONGEST) as stored:
            self.button().click()
        assert stored.value.ok, stored.value.text()
        self.page.wait_for_function(  # the page loads again what it has sent
            "() => !Htx.isSubmitting && !Htx.isLoading && Htx.annotationStore.selected?.pk", timeout=LONGEST
        )
        return dict(stored.value.json())

    def submit_is_refused(self) -> str:
        """Press Submit; the page's message instead of a stored annotation, which is closed again."""
        self.button().click()
        modal = self.page.locator(MODAL)
        modal.wait_for(timeout=LONGEST)
        told = modal.inner_text()
        modal.get_by_role("button").click()
        modal.wait_for(state="detached", timeout=LONGEST)
        return told

    def button(self) -> Locator:
        """Submit, or Update where the annotation is stored already."""
        name = re.compile("^(submit|update)", re.IGNORECASE)
        return self.page.locator(".lsf-bottombar").get_by_role("button", name=name)

    def control(self, name: str) -> ElementHandle:
        """The field called `name`."""
        element = self.page.evaluate_handle(
            "name => Htx.annotationStore.selected.names.get(name).elementRef.current", name
        ).as_element()
        assert element, f"{name} is not on the page"
        return element

    def finder(self, control: str) -> Locator:
        """The input in which letters narrow the list of the field `control`, which is on show."""
        at = self.page.evaluate(
            """name => [...document.querySelectorAll(".np-long")].findIndex(
            view => view.contains(Htx.annotationStore.selected.names.get(name).elementRef.current))""",
            control,
        )
        return self.page.locator(".np-long").nth(at).locator("input[type=text]")

    def visible_fields(self) -> set[str]:
        """The names of the per-region fields that are on show."""
        names = self.page.evaluate(
            """() => [...Htx.annotationStore.selected.names.values()]
            .filter(tag => tag.perregion && tag.elementRef?.current?.getClientRects().length).map(tag => tag.name)"""
        )
        return set(names)

    def regions(self) -> list[str]:
        """The ids of all regions, in the order in which they were made."""
        return list(self.page.evaluate("() => Htx.annotationStore.selected.regions.map(region => region.id)"))

    def marks(self) -> dict[str, tuple[str, int, int, list[str]]]:
        """Id of a region -> the name of its labels' control, start, end, labels."""
        found = self.page.evaluate(
            f"""() => Htx.annotationStore.selected.regions.filter(region => region.labeling).map(region =>
            [region.id, region.labeling.from_name.name, ...({_SPAN})(region), [...region.labeling.mainValue]])"""
        )
        return {region: (control, start, end, labels) for region, control, start, end, labels in found}

    def values(self, region: str) -> dict[str, Any]:
        """Name of a field -> what is given in it for a region, on the page."""
        return dict(
            self.page.evaluate(
                """id => Object.fromEntries(Htx.annotationStore.selected.areas.get(id).results
                .filter(one => one.from_name.perregion).map(one => [one.from_name.name, one.mainValue]))""",
                region,
            )
        )

    def relations(self) -> list[list[str]]:
        """The labels of all relations."""
        return list(
            self.page.evaluate(
                "() => Htx.annotationStore.selected.relationStore.relations.map(one => [...(one.labels ?? [])])"
            )
        )

    def selected(self) -> str | None:
        """The id of the selected region."""
        region = self.page.evaluate("() => Htx.annotationStore.selected.highlightedNode?.id ?? null")
        return None if region is None else str(region)

    def scroll_to(self, start: int) -> None:
        """Bring a place of the text into sight, below the labels."""
        self.page.evaluate(
            """y => document.querySelector(".lsf-main-content").scrollBy(0, y - innerHeight * 0.5)""",
            self.page.evaluate(_ENDS, [self.text, start, start + 1])[0]["middle"],
        )

    def _ends(self, start: int, end: int) -> tuple[dict[str, float], dict[str, float]]:
        self.scroll_to(start)
        first, last = self.page.evaluate(_ENDS, [self.text, start, end])
        return first, last

    def _click(self, region: str) -> None:
        """Click a mark where it is not covered by another; if it is covered whole, its line in the list of regions."""
        self.page.evaluate(
            "id => Htx.annotationStore.selected.areas.get(id)._spans[0].scrollIntoView({block: 'center'})", region
        )
        point = self.page.evaluate(
            """id => {
            for (const span of Htx.annotationStore.selected.areas.get(id)._spans)
              for (const box of span.getClientRects())
                for (let x = box.left + 2; x < box.right - 1; x += 2) {
                  const y = box.top + box.height / 2;
                  if (document.elementFromPoint(x, y) === span) return [x, y];
                }
            return null; }""",
            region,
        )
        if point:
            self.page.mouse.click(*point)
        else:
            self._click_in_list(region)

    def _click_in_list(self, region: str) -> None:
        """Click a mark's line in the list of regions, which holds only the lines that are in sight."""
        self.tab("Regions")
        number = 1 + self.page.evaluate(
            "id => Htx.annotationStore.selected.regionStore.sortedRegions.findIndex(one => one.id === id)", region
        )
        lines = self.page.locator(".lsf-outliner-item__index")
        lines.first.hover()
        while number not in (shown := [int(told) for told in lines.all_inner_texts()]):
            self.page.mouse.wheel(0, 35 * (number - shown[len(shown) // 2]))
            self.page.wait_for_function(
                "first => document.querySelector('.lsf-outliner-item__index').innerText !== first", arg=str(shown[0])
            )
        lines.nth(shown.index(number)).click()

    def _holds(self, control: str, value: str) -> None:
        """Wait until the field has the value."""
        self.page.wait_for_function(
            """([name, value]) => [].concat(Htx.annotationStore.selected.names.get(name).selectedValues())
            .flat().map(String).includes(value)""",
            arg=[control, value],
            timeout=LONGEST,
        )


def _stores(response: Response) -> bool:
    return response.request.method in ("POST", "PATCH") and "/annotations" in response.url


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
