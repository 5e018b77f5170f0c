// Texts whose contrast with what is behind them is below 4.5 (3 for large ones), as WCAG 2.1 AA counts it.
() => {
  const numbers = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const parse = (text) => numbers(text).map((each, place) => (text.startsWith("color(srgb") && place < 3 ? 255 * each : each));
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((each) => (each / 255 <= 0.03928 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = (top, share, below) => below.map((each, place) => share * top[place] + (1 - share) * each);
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.backgroundImage !== "none") return null; // a picture: not ours to judge
      const colour = parse(style.backgroundColor);
      if (colour.length && (colour[3] ?? 1) === 1) return { colour, from: each };
    }
    return { colour: [255, 255, 255], from: null };
  };
  // A box that lets what is behind it through takes its own text along: both fade.
  const seen = (node) => {
    let [ink, ground] = [parse(getComputedStyle(node).color), behind(node)];
    if (!ground) return null;
    let { colour, from } = ground;
    ink = over(ink, ink[3] ?? 1, colour);
    for (let each = node; each; each = each.parentElement) {
      const share = Number(getComputedStyle(each).opacity);
      if (share === 1) continue;
      const inside = from && each.contains(from);
      const below = (inside ? behind(each.parentElement)?.colour : colour) || colour;
      ink = over(ink, share, below);
      if (inside) colour = over(colour, share, below);
    }
    return [ink, colour];
  };
  const faults = [];
  for (const node of document.querySelectorAll(".gradio-container *")) {
    const said = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!said || !node.checkVisibility() || node.closest(":disabled, .vx-unseen, footer")) continue;
    const style = getComputedStyle(node);
    const pair = seen(node);
    if (!pair) continue;
    const [a, b] = pair.map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${node.className} ${node.textContent.trim().slice(0, 40)}`);
  }
  return faults;
}
