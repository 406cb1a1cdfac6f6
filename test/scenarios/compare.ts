/** The difference between two logs, as lines: `-` expected and not seen, `+` seen and not expected, with what stands around them. Pure. */

/** Lines shown before and after a difference. */
const AROUND = 2

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** Empty when both are the same. */
export function differencesOf(expected: string, seen: string): string[] {
  const lines = merge(linesOf(expected), linesOf(seen))
  const near = (i: number): boolean => lines.slice(Math.max(0, i - AROUND), i + AROUND + 1).some(line => line.sign !== ' ')
  return lines.flatMap(({ sign, text }, i) => (near(i) ? [`${sign} ${text}`] : near(i - 1) ? ['  …'] : []))
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

/** Along a longest common subsequence; logs are short. */
function merge(a: readonly string[], b: readonly string[]): Line[] {
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i] ?? []
    for (let j = b.length - 1; j >= 0; j--) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  }
  const merged: Line[] = []
  let [i, j] = [0, 0]
  for (;;) {
    const [left, right] = [a[i], b[j]]
    if (left === undefined && right === undefined) return merged
    if (left !== undefined && left === right) {
      merged.push({ sign: ' ', text: left })
      i++
      j++
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      merged.push({ sign: '-', text: left })
      i++
    } else if (right !== undefined) {
      merged.push({ sign: '+', text: right })
      j++
    }
  }
}
