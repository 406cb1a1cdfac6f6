/**
 * Guards for what comes over HTTP: each tells whether an unknown value has a shape, and names its type to the compiler.
 * Fields beyond the shape are allowed, so an older CLI reads a newer gateway.
 */

export type Guard<T> = (value: unknown) => value is T

type Shape = Readonly<Record<string, Guard<unknown>>>
type Shaped<S extends Shape> = { readonly [K in keyof S]: S[K] extends Guard<infer T> ? T : never }

export const isText: Guard<string> = value => typeof value === 'string'
export const isNumber: Guard<number> = value => typeof value === 'number'
export const isFlag: Guard<boolean> = value => typeof value === 'boolean'
export const isRecord: Guard<Readonly<Record<string, unknown>>> = (value): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const nullable =
  <T>(guard: Guard<T>): Guard<T | null> =>
  (value): value is T | null =>
    value === null || guard(value)

export const optional =
  <T>(guard: Guard<T>): Guard<T | undefined> =>
  (value): value is T | undefined =>
    value === undefined || guard(value)

export const listOf =
  <T>(guard: Guard<T>): Guard<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.every(guard)

export const recordOf =
  <T>(guard: Guard<T>): Guard<Readonly<Record<string, T>>> =>
  (value): value is Readonly<Record<string, T>> =>
    isRecord(value) && Object.values(value).every(guard)

export const oneOf =
  <const C extends string>(...choices: readonly C[]): Guard<C> =>
  (value): value is C =>
    choices.some(c => c === value)

export const shape =
  <S extends Shape>(fields: S): Guard<Shaped<S>> =>
  (value): value is Shaped<S> =>
    isRecord(value) && Object.entries(fields).every(([name, guard]) => guard(value[name]))

export const isAnything: Guard<unknown> = (value): value is unknown => value !== undefined
