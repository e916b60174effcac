// Brings the element with the key `data.target` into sight when it was opened anew; never on a mere redrawing.

export default function (component) {
  const { data, parentElement } = component
  const host = parentElement.host ?? parentElement
  if (host.dataset.seen === data.token) return
  host.dataset.seen = data.token
  const bring = () =>
    document.querySelector(`.st-key-${data.target}`)?.scrollIntoView({ block: "nearest", behavior: "smooth" })
  setTimeout(bring, 150) // the list draws itself after the script
}
