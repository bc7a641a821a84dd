/** In place of a part that is being loaded and shows nothing meanwhile: whoever waits for the whole page can tell. */
export function Pending() {
  return <span hidden aria-busy="true" />;
}
