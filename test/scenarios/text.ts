/** The log without what is chance: which of several alike did what, and which of several hosts was as good as another. Pure. */

/** Lines of what was seen, sorted; those of `web-1`, `web-2` … that are the same are counted. */
export function linesOf(seen: readonly (readonly [subject: string, text: string])[]): string {
  const counts = new Map<string, number>()
  for (const [subject, text] of seen) {
    const line = JSON.stringify([subject.replace(NUMBERED, '$1-*'), text])
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  return [...counts]
    .map(([line, count]) => {
      const [subject, text]: [string, string] = JSON.parse(line)
      return `  ${subject.includes('-*') ? `${subject} (${count})` : subject}: ${text}`
    })
    .toSorted()
    .join('\n')
}

/** A numbered name, though not that of a node. */
const NUMBERED = /\b(?!compute-|conductor-|gateway-)([a-z][a-z-]*)-\d+\b/g

/** Hosts that the story does not name are host-a, host-b … in the order in which the log does. */
export function withoutChance(log: string, story: string): string {
  const letters = new Map<string, string>()
  return log.replace(/\bcompute-\d+\b/g, host => {
    if (new RegExp(`\\b${host}\\b`).test(story)) return host
    const known = letters.get(host) ?? `host-${String.fromCharCode('a'.charCodeAt(0) + letters.size)}`
    letters.set(host, known)
    return known
  })
}
