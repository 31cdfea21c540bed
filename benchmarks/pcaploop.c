/* pcaploop FILE: read every packet with libpcap and do nothing; prints how many.  cc -O2 pcaploop.c -lpcap */
#include <pcap.h>
#include <stdio.h>

int main(int count, char **argument) {
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *data;
    long packets = 0;
    pcap_t *capture = count == 2 ? pcap_open_offline(argument[1], error) : NULL;
    if (!capture) return 1;
    while (pcap_next_ex(capture, &header, &data) == 1) packets++;
    printf("%ld\n", packets);
    return 0;
}
