/** Keeps a scrolling element at its end while its content grows, until its reader scrolls up; resumes at the end. */
export function stickToEnd(element: HTMLElement): () => void {
  let stuck = true;
  const onScroll = () => {
    stuck = element.scrollHeight - element.scrollTop - element.clientHeight < 48;
  };
  const toEnd = () => {
    if (stuck) element.scrollTop = element.scrollHeight;
  };
  const observer = new MutationObserver(toEnd);
  observer.observe(element, { childList: true, subtree: true, characterData: true });
  element.addEventListener("scroll", onScroll, { passive: true });
  toEnd();
  return () => {
    observer.disconnect();
    element.removeEventListener("scroll", onScroll);
  };
}
