/**
 * uvu swallows what a hook throws: its tests are left out, and nothing says why. A hook in `shown` says it.
 * (Its runner returns in a `finally` block, and so drops the error under way.)
 */
export const shown =
  <T>(hook: () => T | Promise<T>) =>
  async (): Promise<void> => {
    try {
      await hook()
    } catch (error) {
      console.log('a hook threw:', error)
      throw error
    }
  }
