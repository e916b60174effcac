// Three buttons: as the device, light, dark. Streamlit keeps the choice per path, so it is written for each of ours.

const keyOf = (path) => `stActiveTheme-${path}-v2`

export default function (component) {
  const { data, parentElement } = component
  const chosen = JSON.parse(localStorage.getItem(keyOf(window.location.pathname)) ?? '"System"')
  let row = parentElement.querySelector(".row")
  if (!row) {
    row = document.createElement("div")
    row.className = "row"
    row.setAttribute("role", "group")
    parentElement.appendChild(row)
  }
  row.setAttribute("aria-label", data.label)
  row.replaceChildren(...data.choices.map(([name, text]) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = text
    button.setAttribute("aria-pressed", String(name === chosen))
    button.onclick = () => {
      for (const path of data.paths) localStorage.setItem(keyOf(path), JSON.stringify(name))
      window.location.reload()
    }
    return button
  }))
}
