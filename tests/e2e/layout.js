// What is cut off, lies over something else, or reaches beyond the page; and which of `musts` the first screen lacks.
(musts) => {
  const called = (node) => `${node.id || node.className || node.tagName} "${(node.textContent || "").trim().slice(0, 30)}"`;
  const faults = [];
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) faults.push(`it scrolls sideways: ${document.documentElement.scrollWidth} of ${wide}`);
  for (const must of musts) {
    const node = document.querySelector(must);
    const box = node?.getBoundingClientRect();
    if (!node?.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || !box.width || !box.height) faults.push(`not seen: ${must}`);
    else if (box.bottom > innerHeight + 1 || box.top < 0) faults.push(`not on the first screen: ${must} ends at ${Math.round(box.bottom)} of ${innerHeight}`);
  }
  const open = document.querySelector("dialog[open]");
  const seen = [...(open || document.querySelector(".gradio-container")).querySelectorAll("*")].filter(
    (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("footer, pre, .vx-unseen, svg") && (open || !node.closest("dialog")),
  );
  for (const node of seen) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (box.left < -1 || box.right > wide + 1) faults.push(`beyond the page: ${called(node)} ${Math.round(box.left)}-${Math.round(box.right)}`);
    const style = getComputedStyle(node);
    const said = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (said && style.overflowX !== "visible" && style.textOverflow !== "ellipsis" && node.scrollWidth > node.clientWidth + 1) faults.push(`cut off: ${called(node)}`);
  }
  // What is pressed: large enough for a finger (WCAG 2.2: 24 px), and under nothing else.
  const pressed = seen.filter((node) => node.matches("button, a[href], select, .vx-seg label") && !node.closest(".vx-film, .vx-timeline, .vx-stage, .vx-facts"));
  const floats = (node) => node.closest(".vx-notice") || getComputedStyle(node).position === "sticky" && node.getBoundingClientRect().bottom > innerHeight - 24; // what is under it scrolls free
  for (const node of pressed) {
    const box = node.getBoundingClientRect();
    if (box.height < 24 && getComputedStyle(node).display !== "inline") faults.push(`small: ${called(node)} ${Math.round(box.width)} x ${Math.round(box.height)}`);
    for (const other of pressed) {
      if (floats(node) || floats(other) || other === node || node.contains(other) || other.contains(node)) continue;
      const its = other.getBoundingClientRect();
      const [x, y] = [Math.min(box.right, its.right) - Math.max(box.left, its.left), Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top)];
      if (x > 1 && y > 1 && node.compareDocumentPosition(other) & 4) faults.push(`over each other: ${called(node)} and ${called(other)}`);
    }
  }
  return faults;
}
