// Draws the map of pipelines as SVG from places and texts reckoned in Python. Texts go into text nodes only.

const SVG = "http://www.w3.org/2000/svg"
const HEAD = 7 // length of an arrowhead

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== undefined) node.textContent = text
  parent.appendChild(node)
  return node
}

function drawBox(svg, box, width) {
  const group = add(svg, "g", { class: "box" })
  add(group, "rect", { class: "ground", x: box.x, y: box.y, width, height: box.height, rx: 6 })
  const head = add(group, "text", { class: "head", x: box.x + 10, y: box.y + 22 }, box.name)
  add(head, "title", {}, box.title)
  for (const row of box.rows) {
    add(group, "rect", { class: `row ${row.kind}`, x: box.x + 5, y: row.y - 10, width: width - 10, height: 20, rx: 3 })
    const name = add(group, "text", { class: "name", x: box.x + 10, y: row.y + 4 }, row.name)
    add(name, "title", {}, row.title)
    if (row.count !== null) {
      add(group, "text", { class: "count", x: box.x + width - 10, y: row.y + 4, "text-anchor": "end" }, row.count)
    }
  }
}

const at = (t, a, b, c, d) => (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d

function drawArrow(svg, arrow) {
  const { x1, y1, x2, y2, out, into, reach } = arrow
  const stop = x2 - into * HEAD
  const [c1, c2] = [x1 + out * reach, stop - into * reach]
  const group = add(svg, "g", { class: `arrow ${arrow.kind}${arrow.off ? " off" : ""}` })
  add(group, "title", {}, arrow.title)
  const path = `M${x1},${y1} C${c1},${y1} ${c2},${y2} ${stop},${y2}`
  add(group, "path", { class: "halo", d: path })
  add(group, "path", { class: "line", d: path })
  add(group, "path", { class: "tip", d: `M${x2},${y2} l${-into * HEAD},-4 v8 z` })
  if (!arrow.label) return
  const t = arrow.place
  const [x, y] = [at(t, x1, c1, c2, stop), at(t, y1, y1, y2, y2)]
  const width = 12 + 7 * arrow.label.length
  add(group, "rect", { class: "pill", x: x - width / 2, y: y - 9, width, height: 18, rx: 9 })
  add(group, "text", { class: "label", x, y: y + 4, "text-anchor": "middle" }, arrow.label)
}

export default function ({ data, parentElement }) {
  let frame = parentElement.querySelector(".frame")
  if (!frame) {
    frame = document.createElement("div")
    frame.className = "frame"
    frame.tabIndex = 0
    parentElement.appendChild(frame)
  }
  const size = { width: data.width, height: data.height, viewBox: `0 0 ${data.width} ${data.height}` }
  const svg = document.createElementNS(SVG, "svg")
  for (const [key, value] of Object.entries({ ...size, role: "img", "aria-label": data.alt })) svg.setAttribute(key, value)
  for (const box of data.boxes) drawBox(svg, box, data.box_width)
  for (const arrow of data.arrows) drawArrow(svg, arrow)
  frame.replaceChildren(svg)
}
