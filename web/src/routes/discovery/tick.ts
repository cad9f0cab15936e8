// A tick that asks the server for something, and shows what is so afterwards.

/**
 * Does what a tick in `box` asks for; then the box shows what `isSo` says. Where the server refuses,
 * nothing that is shown has changed, and the browser would keep the tick.
 */
export async function asked(box: { checked: boolean }, change: () => Promise<unknown>, isSo: () => boolean): Promise<void> {
  try {
    await change();
  } finally {
    box.checked = isSo();
  }
}
