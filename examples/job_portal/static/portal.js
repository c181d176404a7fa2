// Who has the page open is online, and sees how many others are.
const online = document.getElementById("online"), people = document.getElementById("people");
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch("/numbers");
    if (!answer.ok) return;
    const n = (await answer.json()).online;
    online.textContent = n;
    people.textContent = n === 1 ? "person" : "people";
  } catch { /* the next time */ }
}, 10_000);
// A second click must not send a form again while the first one is on its way.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => setTimeout(() => { for (const b of form.querySelectorAll("button")) b.disabled = true; }));
}
addEventListener("pageshow", () => { for (const b of document.querySelectorAll("button")) b.disabled = false; });
