// mindsphere-client.test.mjs - the vendor's published client against our door (reference dialects.md 6).

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { atEnd, before, describe, test } from './lib/test.mjs';
import { startServer } from './lib/server.mjs';

const { MindConnectBase, MindSphereSdk } = createRequire(import.meta.url)('@mindconnect/mindconnect-nodejs');
let server;
let assets;

/** No service credentials: a fixed token for a server on the loopback. */
function clientOf(token, tenant) {
  class LocalAuth extends MindConnectBase {
    async RenewToken() { return true; }
    async GetToken() { return token; }
    GetGateway() { return server.url; }
    GetTenant() { return tenant; }
  }
  return new MindSphereSdk(new LocalAuth()).GetAssetManagementClient();
}

before(async () => {
  server = await startServer({ config: { dialects: { mindsphere: { tokens: [{ token: 'test-token', tenant: 'mdsp' }, { token: 'o', tenant: 'other' }] } } } });
  assets = clientOf('test-token', 'mdsp');
});
atEnd(() => server?.stop());

describe('MindSphere: the published client', () => {
  test('makes, changes and removes aspect types and asset types', async () => {
    const aspect = await assets.PutAspectType('mdsp.engine', { name: 'engine', category: 'dynamic', scope: 'private',
      variables: [{ name: 'rpm', dataType: 'DOUBLE', unit: '1/min', searchable: true, qualityCode: true }] }, { ifNoneMatch: '*' });
    assert.equal(aspect.etag, 0);
    const type = await assets.PutAssetType('mdsp.Device', { name: 'Device', parentTypeId: 'core.basicdevice', instantiable: true, scope: 'private',
      aspects: [{ name: 'motor', aspectTypeId: 'mdsp.engine' }], variables: [{ name: 'serial', dataType: 'STRING', length: 20 }], fileAssignments: [] }, { ifNoneMatch: '*' });
    assert.deepEqual([type.id, type.etag, type.aspects[0].aspectType.id], ['mdsp.Device', 0, 'mdsp.engine']);
    assert.equal((await assets.GetAssetType('mdsp.Device', { exploded: true })).variables.length, 3);
    const patched = await assets.PatchAssetType('mdsp.Device', { ...type, description: 'patched' }, { ifMatch: '0' });
    assert.deepEqual([patched.etag, patched.description], [1, 'patched']);
    await assets.PatchAssetTypeVariable('mdsp.Device', { serial: { name: 'serialNumber', length: 30 } }, { ifMatch: '1' });
    assert.deepEqual((await assets.GetAssetType('mdsp.Device')).variables.map(({ name, length }) => [name, length]), [['serialNumber', 30]]);
    const { _embedded, page } = await assets.GetAssetTypes({ filter: JSON.stringify({ id: { startsWith: 'mdsp.' } }), sort: 'DESC', page: 0, size: 0 });
    assert.deepEqual([_embedded.assetTypes.map(({ id }) => id), page.totalElements], [['mdsp.Device'], 1]);
    assert.ok((await assets.GetAspectTypes()).page.totalElements >= 1);
    await assert.rejects(assets.DeleteAspectType('mdsp.engine', { ifMatch: '0' }), /an asset type uses it/);
    await assert.rejects(assets.PutAssetType('mdsp.Device', { name: 'x' }, { ifMatch: '0' }), /another version/);
    await assets.DeleteAssetType('mdsp.Device', { ifMatch: '2' });
    await assets.DeleteAspectType('mdsp.engine', { ifMatch: '0' });
    await assert.rejects(assets.GetAssetType('mdsp.Device'), /there is no mdsp.Device/);
  });

  test('uploads files and assigns them', async () => {
    const file = await assets.PostFile(Buffer.from('plain text'), 'note.txt', { mimeType: 'text/plain', description: 'a note' });
    assert.deepEqual([file.name, file.originalFileName, file.description], ['note.txt', 'note.txt', 'a note']);
    assert.equal((await assets.GetFile(file.id)).id, file.id);
    const answer = await fetch(`${server.url}/api/assetmanagement/v3/files/${file.id}/file`, { headers: { authorization: 'Bearer test-token' } });
    assert.equal(await answer.text(), 'plain text');
    await assets.PutAssetType('mdsp.Filed', { name: 'Filed' }, { ifNoneMatch: '*' });
    const assigned = await assets.PutAssetTypeFileAssignment('mdsp.Filed', 'note', { fileId: file.id }, { ifMatch: '0' });
    assert.equal(assigned.fileAssignments[0].fileId, file.id);
    await assert.rejects(assets.DeleteFile(file.id, { ifMatch: '0' }), /is assigned/);
    await assert.rejects(assets.PutAssetTypeFileAssignment('mdsp.Filed', 'bad', { fileId: 'c27a28b6eb16b507fabc11e75da8b4ce' }, { ifMatch: '1' }), /c27a28b6eb16b507fabc11e75da8b4ce/);
    await assert.rejects(assets.DeleteAssetTypeFileAssignment('mdsp.Filed', 'no-such-key', { ifMatch: '1' }), /no-such-key/);
    await assets.DeleteAssetTypeFileAssignment('mdsp.Filed', 'note', { ifMatch: '1' });
    await assets.DeleteFile(file.id, { ifMatch: '0' });
    await assert.rejects(assets.GetFile(file.id), /there is no file/);
  });

  test('makes, changes, lists and removes assets', async () => {
    const root = await assets.GetRootAsset();
    const made = await assets.PostAsset({ name: 'One', typeId: 'core.basicdevice', parentId: root.assetId, timezone: 'Europe/Vienna', twinType: 'performance' });
    assert.deepEqual([made.parentId, made.etag], [root.assetId, 0]);
    const put = await assets.PutAsset(made.assetId, { name: 'Two', description: 'second' }, { ifMatch: `${made.etag}` });
    assert.deepEqual([put.name, put.etag], ['Two', 1]);
    const patched = await assets.PatchAsset(made.assetId, { name: 'Three' }, { ifMatch: '1' });
    assert.deepEqual([patched.name, patched.description, patched.etag], ['Three', 'second', 2]);
    assert.deepEqual(await assets.GetAsset(made.assetId), patched);
    const found = await assets.GetAssets({ filter: JSON.stringify({ name: { startsWith: 'Th' } }) });
    assert.deepEqual(found._embedded.assets.map(({ assetId }) => assetId), [made.assetId]);
    await assert.rejects(assets.DeleteAsset(made.assetId, { ifMatch: '1' }), /another version/);
    await assets.DeleteAsset(made.assetId, { ifMatch: '2' });
    await assert.rejects(assets.GetAsset(made.assetId), /there is no asset/);
  });

  test('of another tenant sees nothing of it', async () => {
    const other = clientOf('o', 'other');
    await assets.PutAssetType('mdsp.Hidden', { name: 'Hidden' }, { ifNoneMatch: '*' });
    await assert.rejects(other.GetAssetType('mdsp.Hidden'), /there is no mdsp.Hidden/);
    await assert.rejects(other.PutAssetType('mdsp.Hidden', { name: 'Mine' }, { ifMatch: '0' }), /can not be changed by you/);
    assert.deepEqual((await other.GetAssets())._embedded.assets, []);
    await assert.rejects(clientOf('wrong', 'mdsp').GetAssetType('mdsp.Hidden'), /bearer token/);
  });
});
