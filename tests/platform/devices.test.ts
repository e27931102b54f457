import assert from 'node:assert/strict';
import { devicesOf, deviceVariables, freeDevice, gpusIn, slotsOf } from '../../src/platform/devices.ts';
import { loadEnv } from '../../src/platform/env.ts';

describe('the devices of a host', () => {
  it('are what MTM_DEVICES says, or what CUDA_VISIBLE_DEVICES leaves, or else what is found', () => {
    const devices = (variables: Record<string, string>) => loadEnv(variables).devices;
    assert.deepEqual(devices({ MTM_DEVICES: 'cuda:0, cuda:3', CUDA_VISIBLE_DEVICES: '1' }), ['cuda:0', 'cuda:3']);
    assert.deepEqual(devices({ MTM_DEVICES: 'cpu' }), ['cpu']);
    assert.deepEqual(devices({ CUDA_VISIBLE_DEVICES: '2,GPU-8932f937-d72c' }), ['cuda:2', 'cuda:GPU-8932f937-d72c']);
    for (const none of ['', '-1']) assert.deepEqual(devices({ CUDA_VISIBLE_DEVICES: none }), ['cpu']);
    assert.equal(devices({}), undefined);
    for (const wrong of ['gpu', 'cpu,cuda:0', 'cuda:0;cuda:1'])
      assert.throws(() => devices({ MTM_DEVICES: wrong }), /MTM_DEVICES is .*use "cpu", or a list as "cuda:0,cuda:1"/);
  });

  it('are found in the list of nvidia-smi', () => {
    const listed = [
      'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1a2b)',
      '  MIG 1g.10gb Device 0: (UUID: MIG-3c4d)',
      'GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-5e6f)',
    ];
    assert.deepEqual(gpusIn(listed.join('\n')), ['cuda:0', 'cuda:1']);
    assert.equal(gpusIn('No devices were found'), null);
  });

  it('take one worker each, but for the CPU', () => {
    const two = ['cuda:0', 'cuda:1'];
    assert.deepEqual([slotsOf(two), slotsOf(['cpu'])], [2, Number.POSITIVE_INFINITY]);
    assert.deepEqual(
      [freeDevice(two, []), freeDevice(two, ['cuda:0']), freeDevice(two, two)],
      ['cuda:0', 'cuda:1', null],
    );
    assert.equal(freeDevice(['cpu'], ['cpu', 'cpu']), 'cpu');
    assert.deepEqual(deviceVariables('cpu'), { CUDA_VISIBLE_DEVICES: '' });
    assert.equal(deviceVariables('cuda:3').CUDA_VISIBLE_DEVICES, '3');
  });

  it('are as many for a worker as MTM_DEVICES_PER_RUN says', async () => {
    const of = (perRun: number, ...devices: string[]) => devicesOf({ devices, devicesPerRun: perRun });
    const five = ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3', 'cuda:4'];
    const pairs = await of(2, ...five);
    assert.deepEqual(pairs, ['cuda:0,cuda:1', 'cuda:2,cuda:3']);
    assert.equal(slotsOf(pairs), 2);
    assert.equal(deviceVariables('cuda:2,cuda:3').CUDA_VISIBLE_DEVICES, '2,3');
    // Also by a worker that runs since before the setting was changed.
    for (const taken of ['cuda:0,cuda:1', 'cuda:1']) assert.equal(freeDevice(pairs, [taken, null]), 'cuda:2,cuda:3');
    assert.deepEqual(await of(2, 'cpu'), ['cpu']);
    await assert.rejects(
      of(6, ...five),
      /MTM_DEVICES_PER_RUN is 6, and this host has 5 GPU\(s\): cuda:0,.*to 5 or less/,
    );
  });
});
