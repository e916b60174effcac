// 1, 2 and 3 decide about a pair also while the mark stands on a choice: Streamlit's shortcuts are silent there.

const choosing = (node) => node?.matches?.("input[type=radio], input[type=checkbox]")

export default function (component) {
  const { data, parentElement } = component
  const host = parentElement.host ?? parentElement
  host.voronkaKeys?.()

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !choosing(event.target)) return
    const button = data.buttons[event.key] && document.querySelector(`.st-key-${data.buttons[event.key]} button`)
    if (!button || button.disabled) return
    event.preventDefault()
    button.click()
  }
  document.addEventListener("keydown", onKey)
  host.voronkaKeys = () => document.removeEventListener("keydown", onKey)
  host.dataset.listening = "true" // tests wait for it
  return host.voronkaKeys
}
