// Gives a streamlit-sortables board what it lacks: live lines and colours on cards, tooltips, opening by a click,
// and a word to Python when the board shows something else than Python knows.
// Cards are found by the "#id" their label begins with; texts go into attributes, never into HTML or CSS.

const CARD = "li.sortable-item"
const DRAGGED = `${CARD}.dragging`
const CLICK_TOLERANCE = 8
const SETTLED_MS = 300
const boards = new WeakMap() // place on the page -> state

const idOf = (node) => node?.closest?.(CARD)?.textContent.match(/^#(\d+) /)?.[1]
const columnsOf = (doc) => [...doc.querySelectorAll(".sortable-container")]
const layoutOf = (doc) => columnsOf(doc).map((node) => [...node.querySelectorAll(CARD)].map(idOf).join(",")).join(";")

const put = (node, name, value) => {
  if (value === undefined || value === "") node.removeAttribute(name)
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

function dress(doc, data) {
  columnsOf(doc).forEach((node, index) => {
    const column = data.columns[index] ?? {}
    const header = node.querySelector(".sortable-container-header")
    put(node, "data-kind", column.kind)
    put(node, "data-color", column.color)
    if (!header) return
    put(header, "data-summary", column.summary)
    put(header, "data-warning", column.warning)
    put(header, "title", column.tooltip)
  })
  for (const node of doc.querySelectorAll(CARD)) {
    const card = data.cards[idOf(node)] ?? {}
    put(node, "data-title", node.textContent)
    put(node, "data-step", card.step)
    put(node, "data-lines", card.lines)
    put(node, "title", card.tooltip)
  }
}

// A drop beside every column leaves the card where it was last drawn without a word to Python; a failure inside the
// component leaves an empty frame. Either way what is shown differs from what Python mounted.
function checkLater(state) {
  clearTimeout(state.timer)
  state.timer = setTimeout(() => {
    const doc = state.place.querySelector("iframe")?.contentDocument
    if (!doc || !state.drawn.has(doc) || state.waiting || doc.querySelector(DRAGGED)) return
    if (layoutOf(doc) !== state.data.layout) state.tell("strayed", state.data.rev)
  }, SETTLED_MS)
}

function listen(doc, state) {
  let x = 0
  let y = 0
  const open = (event) => {
    const id = idOf(event.target)
    if (id) state.tell("opened", id)
    return Boolean(id)
  }
  doc.addEventListener("pointerdown", (event) => { x = event.clientX; y = event.clientY }, true)
  doc.addEventListener("click", (event) => {
    if (Math.hypot(event.clientX - x, event.clientY - y) < CLICK_TOLERANCE) open(event)
  }, true)
  doc.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (!doc.querySelector(DRAGGED) && (event.key === "Enter" || event.key === "o") && open(event)) {
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
  if (!root) return
  if (!state.documents.has(doc)) {
    state.documents.add(doc)
    doc.documentElement.lang = state.data.language
    listen(doc, state)
    const observer = new MutationObserver(() => {
      dress(doc, state.data)
      if (root.childElementCount) state.drawn.add(doc)
      checkLater(state)
    })
    observer.observe(root, { childList: true, subtree: true })
  }
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

function begin(place) {
  const state = { place, frames: new WeakSet(), documents: new WeakSet(), drawn: new WeakSet(), waiting: false }
  state.observer = new MutationObserver(() => watch(state))
  state.observer.observe(place, { childList: true, subtree: true })
  state.onMessage = (event) => {
    const own = event.source === place.querySelector("iframe")?.contentWindow
    if (own && event.data?.type === "streamlit:setComponentValue") state.waiting = true
  }
  window.addEventListener("message", state.onMessage)
  boards.set(place, state)
  return state
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const place = (parentElement.host ?? parentElement).closest(`.st-key-${data.place}`)
  if (!place) return
  const state = boards.get(place) ?? begin(place)
  state.data = data
  state.waiting = false
  state.tell = setTriggerValue
  watch(state)
  checkLater(state)
  return () => {
    clearTimeout(state.timer)
    state.observer.disconnect()
    window.removeEventListener("message", state.onMessage)
    boards.delete(place)
  }
}
