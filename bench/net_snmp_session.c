/*
 * The peer of `cargo xtask bench collect`: what a poll costs with net-snmp's own library.
 *
 * One session is held, so that the start of a process and of the library is left out. Each poll asks
 * the same objects in the same shape as our walk: a window of columns in one GETBULK, a column that
 * ends makes room for the next. Nothing is printed while it polls, and every value is looked at.
 *
 *   net_snmp_session ADDRESS:PORT POLLS OBJECTS WINDOW COLUMN...   (community in COMMUNITY)
 *
 * OBJECTS is how many objects one question asks for at most, WINDOW how many columns. Prints one
 * JSON object of figures, CPU time being that of this process (getrusage(2)).
 *
 *   cc -O2 -o net_snmp_session net_snmp_session.c -lnetsnmp
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define COLUMNS_MAX 256
#define WARM_POLLS 20

struct column {
    oid root[MAX_OID_LEN];
    size_t root_len;
    oid cursor[MAX_OID_LEN];
    size_t cursor_len;
    int ended;
};

static struct column columns[COLUMNS_MAX];
static int column_count;
static unsigned long long requests, objects, checksum;

static void fail(const char *what) {
    fprintf(stderr, "net_snmp_session: %s\n", what);
    exit(1);
}

/* Looks at a value, as whoever polls does. */
static void take(const netsnmp_variable_list *var) {
    switch (var->type) {
    case ASN_COUNTER64:
        checksum += ((unsigned long long)var->val.counter64->high << 32) | var->val.counter64->low;
        break;
    case ASN_OCTET_STR:
        checksum += var->val_len;
        break;
    case ASN_OBJECT_ID:
        checksum += var->val_len / sizeof(oid);
        break;
    default:
        checksum += (unsigned long)*var->val.integer;
    }
    objects++;
}

static void take_scalars(void *session, const oid *up_time, size_t up_time_len,
                         const oid *object_id, size_t object_id_len) {
    netsnmp_pdu *answer = NULL, *question = snmp_pdu_create(SNMP_MSG_GET);
    snmp_add_null_var(question, object_id, object_id_len);
    snmp_add_null_var(question, up_time, up_time_len);
    if (snmp_sess_synch_response(session, question, &answer) != STAT_SUCCESS || !answer)
        fail("no answer to GET");
    requests++;
    for (netsnmp_variable_list *var = answer->variables; var; var = var->next_variable)
        take(var);
    snmp_free_pdu(answer);
}

static void poll_once(void *session, int objects_max, int window) {
    static const oid object_id[] = {1, 3, 6, 1, 2, 1, 1, 2, 0};
    static const oid up_time[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};
    take_scalars(session, up_time, OID_LENGTH(up_time), object_id, OID_LENGTH(object_id));
    for (int i = 0; i < column_count; i++) {
        struct column *column = &columns[i];
        memcpy(column->cursor, column->root, column->root_len * sizeof(oid));
        column->cursor_len = column->root_len;
        column->ended = 0;
    }
    for (;;) {
        int asked[COLUMNS_MAX], width = 0;
        for (int i = 0; i < column_count && width < window; i++)
            if (!columns[i].ended)
                asked[width++] = i;
        if (width == 0)
            return;
        netsnmp_pdu *answer = NULL, *question = snmp_pdu_create(SNMP_MSG_GETBULK);
        question->non_repeaters = 0;
        question->max_repetitions = objects_max / width > 0 ? objects_max / width : 1;
        for (int i = 0; i < width; i++)
            snmp_add_null_var(question, columns[asked[i]].cursor, columns[asked[i]].cursor_len);
        if (snmp_sess_synch_response(session, question, &answer) != STAT_SUCCESS || !answer)
            fail("no answer to GETBULK");
        if (answer->errstat != SNMP_ERR_NOERROR)
            fail("an error-status to GETBULK");
        requests++;
        int place = 0;
        netsnmp_variable_list *var = answer->variables;
        for (; var; var = var->next_variable, place++) {
            struct column *column = &columns[asked[place % width]];
            if (column->ended)
                continue;
            if (var->type == SNMP_ENDOFMIBVIEW || var->name_length < column->root_len ||
                memcmp(var->name, column->root, column->root_len * sizeof(oid)) != 0) {
                column->ended = 1;
                continue;
            }
            if (snmp_oid_compare(var->name, var->name_length, column->cursor, column->cursor_len) <= 0)
                fail("an OID that does not increase");
            memcpy(column->cursor, var->name, var->name_length * sizeof(oid));
            column->cursor_len = var->name_length;
            take(var);
        }
        snmp_free_pdu(answer);
        if (place == 0)
            fail("an empty answer");
    }
}

static double cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

int main(int argc, char **argv) {
    char *community = getenv("COMMUNITY");
    if (argc < 6 || !community)
        fail("ADDRESS:PORT POLLS OBJECTS WINDOW COLUMN..., and COMMUNITY in the environment");
    int polls = atoi(argv[2]), objects_max = atoi(argv[3]), window = atoi(argv[4]);
    if (polls < 1 || window < 1 || argc - 5 > COLUMNS_MAX)
        fail("POLLS, WINDOW or COLUMNs out of range");
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    setenv("MIBS", "", 1);
    init_snmp("net_snmp_session");
    for (int i = 5; i < argc; i++) {
        struct column *column = &columns[column_count++];
        column->root_len = MAX_OID_LEN;
        if (!read_objid(argv[i], column->root, &column->root_len))
            fail("a COLUMN is no OID");
    }
    struct snmp_session wanted;
    snmp_sess_init(&wanted);
    wanted.peername = argv[1];
    wanted.version = SNMP_VERSION_2c;
    wanted.community = (u_char *)community;
    wanted.community_len = strlen(community);
    void *held = snmp_sess_open(&wanted);
    if (!held)
        fail("the session could not be opened");
    for (int i = 0; i < WARM_POLLS; i++)
        poll_once(held, objects_max, window);
    requests = objects = 0;
    double before = cpu_us();
    for (int i = 0; i < polls; i++)
        poll_once(held, objects_max, window);
    double took = cpu_us() - before;
    printf("{\"polls\": %d, \"cpu_us_per_poll\": %.1f, \"objects_per_poll\": %.1f, "
           "\"requests_per_poll\": %.1f, \"checksum\": %llu}\n",
           polls, took / polls, (double)objects / polls, (double)requests / polls, checksum % 1000);
    snmp_sess_close(held);
    return 0;
}
