import { Text } from '@mantine/core';
import { useChoice } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { NamedTabs } from '../../parts/named-tabs.tsx';
import { Screen } from '../../parts/screen.tsx';
import { AuditList } from './audit-list.tsx';
import { KeyList } from './key-list.tsx';
import { MakeKey } from './make-key.tsx';

const TABS = ['Keys', 'Audit'] as const;

/** Who may use the service, and who did what. */
export default function Keys() {
  const tab = useChoice('tab', TABS, 'Keys');
  return (
    <Screen title="Keys">
      <Allowed needs="admin">
        <NamedTabs names={TABS} tab={tab}>
          {tab === 'Keys' ? (
            <>
              <Text maw={760} mb="md">
                A viewer reads. A trainer also creates, changes and deletes trainings and what belongs to them, asks
                models and downloads. An admin also changes settings, workers and keys, and deletes base models.
              </Text>
              <MakeKey />
              <KeyList />
            </>
          ) : (
            <AuditList />
          )}
        </NamedTabs>
      </Allowed>
    </Screen>
  );
}
