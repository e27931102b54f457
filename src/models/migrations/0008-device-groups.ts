/** A worker may have several GPUs (MTM_DEVICES_PER_RUN: at most 16), by names of up to 64 characters each. */
export const name = '0008-device-groups';

export const sql = `
ALTER TABLE workers ALTER COLUMN device TYPE varchar(1100);
`;
