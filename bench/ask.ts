/** Asks a gateway whether it lives, again and again, and says how long each answer took when it is told to. A child of a benchmark. */
const PAUSE_MS = 20

process.once('message', async (url: string) => {
  const waits: number[] = []
  let asking = true
  process.once('message', () => {
    asking = false
  })
  while (asking) {
    const sent = performance.now()
    const answer = await fetch(url).catch(() => null)
    await answer?.text()
    if (answer) waits.push(performance.now() - sent)
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  }
  process.send?.(waits)
})
process.once('disconnect', () => process.exit(0))
