import type { Planted } from './planted.ts'

export const takeOverWithoutReload: Planted = {
  name: 'take-over-without-reload',
  what: 'An actor that is needed on its new conductor begins from nothing instead of from its journal.',
  file: 'supervisors/hosting/cell.ts',
  find: 'restore(await context.load(address))\n    } catch (error) {\n      const [first]',
  replace: 'loaded = true\n    } catch (error) {\n      const [first]',
}
