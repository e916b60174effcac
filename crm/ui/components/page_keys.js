// "/" puts the cursor into the search field; on a phone a link taken in the sidebar closes it; tells Python whether the
// window is as narrow as a phone.

const NARROW = "(max-width: 640px)"
const typing = (node) => node?.closest?.("input, textarea, select, [contenteditable=true]")

export default function (component) {
  const { data, setStateValue, parentElement } = component
  const host = parentElement.host ?? parentElement
  host.voronkaKeys?.()

  const onKey = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return
    const field = document.querySelector(`.st-key-${data.search} input`)
    if (!field) return
    event.preventDefault()
    field.focus()
    field.select()
  }
  const media = window.matchMedia(NARROW)
  const onClick = (event) => {
    if (!media.matches || !event.target.closest?.('[data-testid="stSidebar"] a')) return
    setTimeout(() => document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click())
  }
  const tell = () => {
    if (media.matches !== data.narrow) setStateValue("narrow", media.matches)
  }
  document.addEventListener("keydown", onKey)
  document.addEventListener("click", onClick)
  media.addEventListener("change", tell)
  host.voronkaKeys = () => {
    document.removeEventListener("keydown", onKey)
    document.removeEventListener("click", onClick)
    media.removeEventListener("change", tell)
  }
  host.dataset.listening = "true" // tests wait for it
  tell()
  return host.voronkaKeys
}
