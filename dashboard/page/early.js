// Sets theme and wall mode before the first paint. A classic script: it runs before the body is parsed.
{
  const query = new URLSearchParams(location.search);
  const kept = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // The browser keeps no data for this page.
    }
  };
  const asked = query.get("theme") ?? kept();
  if (asked === "light" || asked === "dark") document.documentElement.dataset.theme = asked;
  if (query.has("wall")) document.documentElement.dataset.wall = "";
}
