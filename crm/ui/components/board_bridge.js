// Gives a streamlit-sortables board what it lacks: live lines and colours on cards, tooltips, opening by a click.
// Cards are found by the "#id" their label begins with; texts go into attributes, never into HTML or CSS.

const CARD = "li.sortable-item"
const CLICK_TOLERANCE = 8
const boards = new WeakMap() // place on the page -> state

const idOf = (node) => node?.closest?.(CARD)?.textContent.match(/^#(\d+) /)?.[1]

const put = (node, name, value) => {
  if (value === undefined || value === "") node.removeAttribute(name)
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

function dress(doc, data) {
  doc.querySelectorAll(".sortable-container").forEach((node, index) => {
    const column = data.columns[index] ?? {}
    const header = node.querySelector(".sortable-container-header")
    put(node, "data-kind", column.kind)
    if (!header) return
    put(header, "data-summary", column.summary)
    put(header, "data-warning", column.warning)
    put(header, "title", column.tooltip)
  })
  for (const node of doc.querySelectorAll(CARD)) {
    const card = data.cards[idOf(node)] ?? {}
    put(node, "data-step", card.step)
    put(node, "data-lines", card.lines)
    put(node, "title", card.tooltip)
  }
}

function listen(doc, state) {
  let x = 0
  let y = 0
  const open = (event) => {
    const id = idOf(event.target)
    if (id) state.open(id)
    return Boolean(id)
  }
  doc.addEventListener("pointerdown", (event) => { x = event.clientX; y = event.clientY }, true)
  doc.addEventListener("click", (event) => {
    if (Math.hypot(event.clientX - x, event.clientY - y) < CLICK_TOLERANCE) open(event)
  }, true)
  doc.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const dragging = doc.querySelector(`${CARD}.dragging`)
    if (!dragging && (event.key === "Enter" || event.key === "o") && open(event)) {
      event.preventDefault()
      event.stopImmediatePropagation() // Enter would lift the card; Space still does
    }
    if (event.key === "/") {
      event.preventDefault()
      document.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }))
    }
  }, true)
}

function adopt(frame, state) {
  const doc = frame.contentDocument
  const root = doc?.getElementById("root")
  if (!root || state.documents.has(doc)) return
  state.documents.add(doc)
  doc.documentElement.lang = state.data.language
  listen(doc, state)
  const observer = new MutationObserver(() => dress(doc, state.data))
  observer.observe(root, { childList: true, subtree: true })
  dress(doc, state.data)
}

function watch(state) {
  for (const frame of state.place.querySelectorAll("iframe")) {
    if (!state.frames.has(frame)) {
      state.frames.add(frame)
      frame.addEventListener("load", () => adopt(frame, state))
    }
    adopt(frame, state)
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const place = (parentElement.host ?? parentElement).closest(`.st-key-${data.place}`)
  if (!place) return
  let state = boards.get(place)
  if (!state) {
    state = { place, frames: new WeakSet(), documents: new WeakSet() }
    state.observer = new MutationObserver(() => watch(state))
    state.observer.observe(place, { childList: true, subtree: true })
    boards.set(place, state)
  }
  state.data = data
  state.open = (id) => setTriggerValue("opened", id)
  watch(state)
  for (const frame of place.querySelectorAll("iframe")) {
    if (frame.contentDocument?.getElementById("root")) dress(frame.contentDocument, data)
  }
  return () => {
    state.observer.disconnect()
    boards.delete(place)
  }
}
