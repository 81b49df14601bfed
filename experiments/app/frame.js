// A page of a command in a frame as high as the page: it scrolls with the app, and its links open the app's pages.
export default function ({ data, parentElement, setTriggerValue }) {
  let frame = parentElement.querySelector("iframe");
  if (!frame) {
    frame = document.createElement("iframe");
    // scripts run, but as of no place: they reach neither the app nor what it keeps
    frame.setAttribute("sandbox", "allow-scripts allow-downloads allow-popups");
    frame.style.cssText = "width: 100%; height: 850px; border: 0; display: block; color-scheme: normal;";
    parentElement.appendChild(frame);
  }
  frame.title = data.title;
  if (frame.srcdoc !== data.page) frame.srcdoc = data.page;
  const heard = ({ source, data: said }) => {
    if (source !== frame.contentWindow || !said) return;
    if (said.height) frame.style.height = `${Math.ceil(said.height)}px`;
    if (said.link) setTriggerValue("link", said.link);
    if (said.top !== undefined) {
      const scrolled = document.querySelector("[data-testid=stMain]") || document.scrollingElement;
      scrolled.scrollTo({ top: scrolled.scrollTop + frame.getBoundingClientRect().top + said.top - 80 });
    }
  };
  window.addEventListener("message", heard);
  return () => window.removeEventListener("message", heard);
}
