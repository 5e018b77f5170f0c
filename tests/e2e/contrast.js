// Texts whose contrast with what is behind them is below 4.5 (3 for large ones), as WCAG 2.1 AA counts it.
() => {
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((each) => (each / 255 <= 0.03928 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.backgroundImage !== "none") return null; // a picture: not ours to judge
      const colour = parse(style.backgroundColor);
      if (colour.length && (colour[3] ?? 1) === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const node of document.querySelectorAll(".gradio-container *")) {
    const said = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!said || !node.checkVisibility() || node.closest(":disabled, .vx-unseen, footer")) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    if (!ground) continue;
    const [a, b] = [light(parse(style.color)), light(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`${ratio.toFixed(2)} ${node.className} ${node.textContent.trim().slice(0, 40)}`);
  }
  return faults;
}
