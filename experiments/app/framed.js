// within a framed page: says how high the page is, which link was clicked, and where a section begins
{
  const say = (what) => parent.postMessage(what, "*");
  const measure = () => say({ height: document.body.getBoundingClientRect().bottom + scrollY });
  addEventListener("DOMContentLoaded", () => new ResizeObserver(measure).observe(document.body));
  addEventListener("load", measure);
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href]"), href = link && link.getAttribute("href");
    if (!href) return;
    if (href.startsWith("#")) {
      const section = document.getElementById(decodeURIComponent(href.slice(1)));
      const headed = section && (section.closest("details") || section); // its summary is the heading
      if (section) setTimeout(() => say({ top: headed.getBoundingClientRect().top + scrollY }));
    } else if (!/^[a-z]+:/i.test(href)) {
      event.preventDefault();
      say({ link: href });
    }
  });
}
