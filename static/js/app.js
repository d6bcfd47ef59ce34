// What HTMX does not do by itself. Every page works without this file.

// A tab that nobody looks at asks for nothing; it catches up when it is seen again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.dataset.poll !== undefined) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-poll]")) htmx.trigger(element, "seen");
});

// While somebody types a reason or reads what is opened, its surroundings stay as they are.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.querySelector("details[open]")) event.detail.shouldSwap = false;
});

// Escape closes a question; so does a click beside it.
document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.ask[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.ask[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

// A form that was sent is not sent twice by an impatient hand.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
