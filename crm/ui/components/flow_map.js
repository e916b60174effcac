// Draws the map of pipelines as SVG from places and texts reckoned in Python. Texts go into text nodes only.

const SVG = "http://www.w3.org/2000/svg"
const HEAD = 7 // length of an arrowhead
const CORNER = 7 // its radius

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== undefined) node.textContent = text
  parent.appendChild(node)
  return node
}

// Cuts a text to a width; the whole of it stays in its tooltip.
function fit(node, text, width) {
  let kept = text
  while (kept.length > 1 && node.getComputedTextLength() > width) {
    kept = [...kept].slice(0, -1).join("").trimEnd()
    node.firstChild.data = `${kept}…`
  }
}

function drawBox(svg, box, width) {
  const group = add(svg, "g", { class: "box" })
  add(group, "rect", { class: "ground", x: box.x, y: box.y, width, height: box.height, rx: 6 })
  const head = add(group, "text", { class: "head", "font-size": 13.5, x: box.x + 10, y: box.y + 22 }, box.name)
  fit(head, box.name, width - 20)
  add(head, "title", {}, box.title)
  for (const row of box.rows) {
    add(group, "rect", { class: `row ${row.kind}`, x: box.x + 5, y: row.y - 10, width: width - 10, height: 20, rx: 3 })
    let free = width - 20
    if (row.count !== null) {
      const place = { class: "count", x: box.x + width - 10, y: row.y + 4, "text-anchor": "end" }
      free -= add(group, "text", place, row.count).getComputedTextLength() + 8
    }
    const name = add(group, "text", { class: "name", x: box.x + 10, y: row.y + 4 }, row.name)
    fit(name, row.name, free)
    add(name, "title", {}, row.title)
  }
}

// A line through the corners with each of them rounded.
function wayOf(points) {
  let path = `M${points[0]}`
  for (let i = 1; i < points.length - 1; i++) {
    const [[ax, ay], [bx, by], [cx, cy]] = [points[i - 1], points[i], points[i + 1]]
    const before = Math.hypot(bx - ax, by - ay)
    const after = Math.hypot(cx - bx, cy - by)
    if (!before || !after) continue
    const r = Math.min(CORNER, before / 2, after / 2)
    const start = [bx - ((bx - ax) / before) * r, by - ((by - ay) / before) * r]
    const end = [bx + ((cx - bx) / after) * r, by + ((cy - by) / after) * r]
    path += ` L${start} Q${[bx, by]} ${end}`
  }
  return `${path} L${points[points.length - 1]}`
}

function drawArrow(svg, arrow) {
  const points = arrow.points.map((one) => [...one])
  const last = points[points.length - 1]
  const into = last[0] > points[points.length - 2][0] ? 1 : -1
  const tip = [...last]
  last[0] -= into * HEAD
  const group = add(svg, "g", { class: `arrow ${arrow.kind}${arrow.off ? " off" : ""}` })
  add(group, "title", {}, arrow.title)
  const path = wayOf(points)
  add(group, "path", { class: "halo", d: path })
  add(group, "path", { class: "line", d: path })
  add(group, "path", { class: "tip", d: `M${tip} l${-into * HEAD},-4 v8 z` })
}

function drawLabel(svg, arrow) {
  if (!arrow.label) return
  const width = 9 + 7 * arrow.label.length
  const x = arrow.points[0][0] + arrow.out * (3 + width / 2)
  const y = arrow.points[0][1]
  const group = add(svg, "g", { class: `arrow ${arrow.kind}` })
  add(group, "title", {}, arrow.title)
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
  const size = { width: data.width, height: data.height, viewBox: `0 0 ${data.width} ${data.height}`, "font-size": 12.5 }
  const svg = document.createElementNS(SVG, "svg")
  for (const [key, value] of Object.entries({ ...size, role: "img", "aria-label": data.alt })) svg.setAttribute(key, value)
  frame.replaceChildren(svg) // first: widths of texts are known only on the page
  for (const arrow of data.arrows) drawArrow(svg, arrow)
  for (const box of data.boxes) drawBox(svg, box, data.box_width)
  for (const arrow of data.arrows) drawLabel(svg, arrow)
}
