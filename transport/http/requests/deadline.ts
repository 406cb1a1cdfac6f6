/** A cluster that does not answer must not hold a client: every call gets a deadline here, whatever is behind `api`. */
import type { ClusterApi } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'

/** Settles as `start()` does, or rejects `DeadlineExceeded` after `timeoutMs`; what comes later is dropped. */
export function withDeadline<T>(timeoutMs: number, start: () => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => {
    const message = `The cluster did not answer within ${timeoutMs} ms; the request may or may not have been carried out.`
    reject(new BatonError('DeadlineExceeded', message, { retryAfterMs: 1_000 }))
  }, timeoutMs)
  const settle = (finish: () => void) => {
    clearTimeout(timer)
    finish()
  }
  // A `start` that throws at once is a rejection like any other.
  new Promise<T>(begin => begin(start())).then(
    value => settle(() => resolve(value)),
    (error: unknown) => settle(() => reject(error)),
  )
  return promise
}

/** The same api, each call of which ends within `timeoutMs`. */
export function withDeadlines(api: ClusterApi, timeoutMs: number): ClusterApi {
  const bound =
    <A, R>(call: (args: A) => Promise<R>) =>
    (args: A): Promise<R> =>
      withDeadline(timeoutMs, () => call(args))
  return {
    createInstances: bound(args => api.createInstances(args)),
    getInstance: bound(args => api.getInstance(args)),
    listInstances: bound(args => api.listInstances(args)),
    actOnInstance: bound(args => api.actOnInstance(args)),
    deleteInstance: bound(args => api.deleteInstance(args)),
    updateInstance: bound(args => api.updateInstance(args)),
    lockInstance: bound(args => api.lockInstance(args)),
    setInstanceHa: bound(args => api.setInstanceHa(args)),
    unlockInstance: bound(args => api.unlockInstance(args)),
    resetInstance: bound(args => api.resetInstance(args)),
    changePassword: bound(args => api.changePassword(args)),
    instanceDiagnostics: bound(args => api.instanceDiagnostics(args)),
    triggerCrashDump: bound(args => api.triggerCrashDump(args)),
    consoleTicket: bound(args => api.consoleTicket(args)),
    consoleLog: bound(args => api.consoleLog(args)),
    clusterHistory: bound(args => api.clusterHistory(args)),
    listAlerts: bound(args => api.listAlerts(args)),
    appendAudit: bound(args => api.appendAudit(args)),
    listAudit: bound(args => api.listAudit(args)),
    getTrace: bound(args => api.getTrace(args)),
    listLogs: bound(args => api.listLogs(args)),
    nodeReport: bound(args => api.nodeReport(args)),
    verifyAudit: bound(args => api.verifyAudit(args)),
    createAgent: bound(args => api.createAgent(args)),
    listAgents: bound(args => api.listAgents(args)),
    getAgent: bound(args => api.getAgent(args)),
    rotateAgentKey: bound(args => api.rotateAgentKey(args)),
    deleteAgent: bound(args => api.deleteAgent(args)),
    execAgent: bound(args => api.execAgent(args)),
    getAgentCommand: bound(args => api.getAgentCommand(args)),
    scheduleAgentBackups: bound(args => api.scheduleAgentBackups(args)),
    listFlavors: bound(args => api.listFlavors(args)),
    getFlavor: bound(args => api.getFlavor(args)),
    createFlavor: bound(args => api.createFlavor(args)),
    describeFlavor: bound(args => api.describeFlavor(args)),
    setFlavorAccess: bound(args => api.setFlavorAccess(args)),
    deleteFlavor: bound(args => api.deleteFlavor(args)),
    listImages: bound(args => api.listImages(args)),
    getImage: bound(args => api.getImage(args)),
    createImage: bound(args => api.createImage(args)),
    updateImage: bound(args => api.updateImage(args)),
    setImageActive: bound(args => api.setImageActive(args)),
    deleteImage: bound(args => api.deleteImage(args)),
    addImageMember: bound(args => api.addImageMember(args)),
    setImageMember: bound(args => api.setImageMember(args)),
    removeImageMember: bound(args => api.removeImageMember(args)),
    listGuests: bound(args => api.listGuests(args)),
    getGuest: bound(args => api.getGuest(args)),
    execGuest: bound(args => api.execGuest(args)),
    scheduleBackups: bound(args => api.scheduleBackups(args)),
    createBackup: bound(args => api.createBackup(args)),
    listBackups: bound(args => api.listBackups(args)),
    getBackup: bound(args => api.getBackup(args)),
    deleteBackup: bound(args => api.deleteBackup(args)),
    restoreBackup: bound(args => api.restoreBackup(args)),
    listDisks: bound(args => api.listDisks(args)),
    getDisk: bound(args => api.getDisk(args)),
    deleteDisk: bound(args => api.deleteDisk(args)),
    listKeyPairs: bound(args => api.listKeyPairs(args)),
    getKeyPair: bound(args => api.getKeyPair(args)),
    createKeyPair: bound(args => api.createKeyPair(args)),
    deleteKeyPair: bound(args => api.deleteKeyPair(args)),
    getQuota: bound(args => api.getQuota(args)),
    setQuota: bound(args => api.setQuota(args)),
    resetQuota: bound(args => api.resetQuota(args)),
    getDefaultLimits: bound(args => api.getDefaultLimits(args)),
    setDefaultLimits: bound(args => api.setDefaultLimits(args)),
    checkQuota: bound(args => api.checkQuota(args)),
    listOperations: bound(args => api.listOperations(args)),
    getOperation: bound(args => api.getOperation(args)),
    cancelOperation: bound(args => api.cancelOperation(args)),
    forceOperation: bound(args => api.forceOperation(args)),
    drainHost: bound(args => api.drainHost(args)),
    undrainHost: bound(args => api.undrainHost(args)),
    evacuateHost: bound(args => api.evacuateHost(args)),
    setHostMaintenance: bound(args => api.setHostMaintenance(args)),
    deleteHost: bound(args => api.deleteHost(args)),
    listHosts: bound(args => api.listHosts(args)),
    getHost: bound(args => api.getHost(args)),
    listNodes: bound(args => api.listNodes(args)),
    setHostEnabled: bound(args => api.setHostEnabled(args)),
    fenceHost: bound(args => api.fenceHost(args)),
    listAggregates: bound(args => api.listAggregates(args)),
    getAggregate: bound(args => api.getAggregate(args)),
    createAggregate: bound(args => api.createAggregate(args)),
    updateAggregate: bound(args => api.updateAggregate(args)),
    setAggregateMetadata: bound(args => api.setAggregateMetadata(args)),
    addAggregateHost: bound(args => api.addAggregateHost(args)),
    removeAggregateHost: bound(args => api.removeAggregateHost(args)),
    deleteAggregate: bound(args => api.deleteAggregate(args)),
    listGroups: bound(args => api.listGroups(args)),
    getGroup: bound(args => api.getGroup(args)),
    createGroup: bound(args => api.createGroup(args)),
    deleteGroup: bound(args => api.deleteGroup(args)),
    setFlavorSpecs: bound(args => api.setFlavorSpecs(args)),
    configureHost: bound(args => api.configureHost(args)),
    listClaims: bound(args => api.listClaims(args)),
    projectUsage: bound(args => api.projectUsage(args)),
    placementNames: bound(args => api.placementNames(args)),
    setPlacementName: bound(args => api.setPlacementName(args)),
    explainSchedule: bound(args => api.explainSchedule(args)),
    drainNode: bound(args => api.drainNode(args)),
    listQueues: bound(args => api.listQueues(args)),
    status: bound(args => api.status(args)),
    diagnose: bound(args => api.diagnose(args)),
    repair: bound(args => api.repair(args)),
  }
}
