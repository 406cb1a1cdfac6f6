/** Reads that many clients cause are done a few at a time: a thousand clients that come back at once must not be a thousand reads at once. */
export interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>
}

export function createSlots(width: number): Slots {
  let running = 0
  const waiting: (() => void)[] = []
  return {
    async run(work) {
      if (running >= width) await new Promise<void>(resolve => waiting.push(resolve))
      else running++
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else running--
      }
    },
  }
}
