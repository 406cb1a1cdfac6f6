/** The contract on the process driver: real processes, and nothing of them left behind; with and without the help of the machine. */
import { driverContract } from '../support/driver-contract.ts'
import { canRunProcesses, processBench } from '../support/driver-process-bench.ts'

if (await canRunProcesses()) {
  const contracts = [
    ...driverContract('process', () => processBench()),
    ...driverContract('process (no namespaces)', () => processBench({ namespaces: [], ownProc: false })),
    ...driverContract('process (no cgroups)', () => processBench({ cgroups: null })),
    ...driverContract('process (no namespaces, no cgroups)', () => processBench({ namespaces: [], ownProc: false, cgroups: null })),
  ]
  for (const contract of contracts) contract.run()
}
