"""The data of the simulated customers: names, cities, cameras, tags. Outputs must escape some of the names."""

from typing import Final

LAST_NAMES: Final = (
    *("Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Martin", "Lopez"),
    *("Wilson", "Anderson", "Thomas", "Taylor", "Moore", "Jackson", "Lee", "Perez", "White", "Harris"),
    *("Clark", "Lewis", "Robinson", "Walker", "Young", "Allen", "King", "Wright", "Scott", "Hill"),
    *(
        "Green",
        "Adams",
        "Baker",
        "Hall",
        "Campbell",
        "Carter",
        "Roberts",
        "O'Brien",
        "Smith-Jones",
        "de la Cruz",
    ),
    *("Ødegård", "Müller", "Nuñez", "Gonçalves", "Nguyễn", "Łukasiewicz", "Þórsdóttir", "Şahin", "Straße"),
    *("Ivanović", "Иванова", "Παπαδοπούλου", "山田", "김", "王小明", "كريم", "כהן", "शर्मा"),
    *("Rene\u0301", "🛒 Cart", 'Zoë "Zee" Bell', "Back\\slash", "<b>O'Neil</b>", "[red]Day", "Ross & Co"),
)

CITIES: Final = (
    *(("New York", "NY"), ("Los Angeles", "CA"), ("Chicago", "IL"), ("Houston", "TX"), ("Phoenix", "AZ")),
    *(("Philadelphia", "PA"), ("San Antonio", "TX"), ("San Diego", "CA"), ("Dallas", "TX"), ("Austin", "TX")),
    *(("San José", "CA"), ("Cañon City", "CO"), ("Española", "NM"), ("Utqiaġvik", "AK"), ("Hāna", "HI")),
    *(("Coeur d'Alene", "ID"), ("Winston-Salem", "NC"), ("St. Louis", "MO"), ("Truth or Consequences", "NM")),
    *(("Middletown", "CT"), ("Seattle", "WA"), ("Portland", "OR"), ("Boston", "MA"), ("Denver", "CO")),
    *(("Atlanta", "GA"), ("Miami", "FL"), ("Nashville", "TN"), ("New Orleans", "LA"), ("Las Vegas", "NV")),
    *(("Minneapolis", "MN"), ("Cleveland", "OH"), ("Détroit Lakes", "MN"), ("Boise", "ID"), ("Omaha", "NE")),
)

CAMERAS: Final = (
    *(("Canon", "EOS 80D"), ("Canon", "PowerShot G7 X"), ("Nikon", "D3500"), ("Nikon", "Z 50")),
    *(("Sony", "DSC-RX100"), ("Fujifilm", "X-T30"), ("Apple", "iPhone 15"), ("Google", "Pixel 8")),
    *(("Samsung", "Galaxy S24"), ("Kodak", "PIXPRO FZ55")),
)

PAGES: Final = ("home", "search", "boots", "coats", "music", "books", "garden", "toys", "sale", "basket")
SOURCES: Final = ("newsletter", "search", "friend", "advert", "direct")
