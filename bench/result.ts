/** One figure of a benchmark. A ratio against a reference of the same run says something on a noisy machine; a value alone does not. */
export interface BenchResult {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The same thing done barely, or the goal where there is nothing to compare with; null when neither makes sense. */
  readonly reference: number | null
  readonly ratio: number | null
}

export const result = (name: string, value: number, unit: string, reference: number | null = null): BenchResult => ({
  name,
  value: round(value),
  unit,
  reference: reference === null ? null : round(reference),
  ratio: reference === null ? null : Math.round((value / reference) * 1000) / 1000,
})

const round = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100)

/** The value below which a share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
