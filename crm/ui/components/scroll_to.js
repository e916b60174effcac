// Brings the element with the key `data.target` into sight when it was opened anew, keeping what was clicked in sight
// too; never on a mere redrawing.

const LOWEST = 0.6 // parts of the window's height
const PLACE = 0.35

export default function (component) {
  const { data, parentElement } = component
  const host = parentElement.host ?? parentElement
  if (host.dataset.seen === data.token) return
  host.dataset.seen = data.token
  const bring = () => {
    const target = document.querySelector(`.st-key-${data.target}`)
    const top = target?.getBoundingClientRect().top
    if (top === undefined || (top > 60 && top < LOWEST * window.innerHeight)) return
    const by = top - PLACE * window.innerHeight
    document.querySelector('[data-testid="stMain"]')?.scrollBy({ top: by, behavior: "smooth" })
  }
  setTimeout(bring, 150) // the list draws itself after the script
}
