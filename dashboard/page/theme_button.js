/** Switches between light and dark; without a choice, the page follows the system. */

const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const theme = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");

/** @param {HTMLButtonElement} button */
export function startThemeButton(button) {
  const draw = () => {
    button.textContent = theme() === "dark" ? "Light" : "Dark";
    button.title = `Show the page in ${button.textContent.toLowerCase()} colours`;
    document.dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
    draw();
  });
  dark.addEventListener("change", draw);
  draw();
}

function keep(name) {
  try {
    localStorage.setItem("theme", name);
  } catch {
    // The browser keeps no data for this page: the choice lasts until the page is closed.
  }
}
